// Of a long list of rows only those in view are made, and those that must not go, like the one with the focus. A folder of
// twenty thousand files would stop the page for seconds otherwise.

import { useEffect, useState, type RefObject } from 'react'

/** Shorter lists are made whole: nothing is gained there. */
const SHORT = 200
/** Rows beyond either edge, so that scrolling finds them made. */
const MARGIN = 30

export interface Slice {
  from: number
  to: number
}

/** What of `count` rows of this height is to be made, while `box` is scrolled. */
export function sliceOf(count: number, rowHeight: number, scrollTop: number, height: number): Slice {
  if (count <= SHORT) return { from: 0, to: count }
  const first = Math.floor(scrollTop / rowHeight)
  const last = Math.ceil((scrollTop + height) / rowHeight)
  // In steps, so that not every pixel of scrolling makes rows.
  const from = Math.max(0, Math.floor(first / MARGIN - 1) * MARGIN)
  return { from: Math.min(from, count), to: Math.min(count, Math.ceil(last / MARGIN + 1) * MARGIN) }
}

/** The rows to make, in order, each with how many are left out before it; the last has an index of `count`. */
export function rowsToMake({ from, to }: Slice, count: number, kept: readonly number[]): { index: number; gap: number }[] {
  const inside = Array.from({ length: to - from }, (_, offset) => from + offset)
  const outside = kept.filter((index) => index >= 0 && index < count && (index < from || index >= to))
  const all = outside.length === 0 ? inside : [...new Set([...inside, ...outside])].sort((a, b) => a - b)
  const rows = all.map((index, at) => ({ index, gap: index - ((all[at - 1] ?? -1) + 1) }))
  return [...rows, { index: count, gap: count - ((all.at(-1) ?? -1) + 1) }]
}

export function useWindow(box: RefObject<HTMLElement | null>, count: number, rowHeight: number): Slice {
  const [seen, setSeen] = useState({ top: 0, height: 1000 })
  const isLong = count > SHORT
  useEffect(() => {
    const element = box.current
    if (!element || !isLong) return
    const look = () => {
      const next = { top: element.scrollTop, height: element.clientHeight }
      setSeen((before) => {
        const was = sliceOf(count, rowHeight, before.top, before.height)
        const is = sliceOf(count, rowHeight, next.top, next.height)
        return was.from === is.from && was.to === is.to ? before : next
      })
    }
    look()
    const observer = new ResizeObserver(look)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [box, isLong, count, rowHeight])
  return sliceOf(count, rowHeight, seen.top, seen.height)
}
