import { Link } from 'react-router'
import { CardPage } from '../components/CardPage'

export function NotFoundPage() {
  return (
    <CardPage title="There is nothing here">
      <p>
        Learners start at <Link to="/join">join</Link>, instructors at <Link to="/workshops">workshops</Link>.
      </p>
    </CardPage>
  )
}
