import type { ReactNode } from 'react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from 'react-router'
import { sessionQuery, useSignOut } from '../../api/session'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem } from '../../components/Menu'
import { Wordmark } from '../../components/Wordmark'
import styles from './console.module.css'

/** The instructor's pages: the bar on top and a column below it. */
export function ConsoleShell({ children }: { children: ReactNode }) {
  const navigate = useNavigate()
  const session = useQuery(sessionQuery)
  const signOut = useSignOut()
  const name = session.data?.state === 'signed_in' ? session.data.session.instructor.name : ''
  return (
    <div className={styles.shell}>
      <header className={styles.bar}>
        <Link to="/workshops" className={styles.home} aria-label="ClaraTeach, workshops">
          <Wordmark />
        </Link>
        <Menu
          trigger={
            <Button look="quiet" size="small" data-testid="account-menu">
              <Icon name="person" />
              <bdi className={styles.account}>{name || 'Instructor'}</bdi>
            </Button>
          }
        >
          <MenuItem onSelect={() => signOut.mutate(undefined, { onSuccess: () => navigate('/signin') })}>
            Sign out
          </MenuItem>
        </Menu>
      </header>
      <main className={styles.main}>{children}</main>
    </div>
  )
}
