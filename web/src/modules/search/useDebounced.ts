import { useEffect, useState } from 'react'

/** The value once it has rested; the second of the pair takes it over at once. */
export function useDebounced<Value>(value: Value, ms: number): [Value, (value: Value) => void] {
  const [rested, setRested] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return [rested, setRested]
}
