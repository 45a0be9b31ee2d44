// Whether sound of a seat's browser was turned on in this tab: kept over a reload of the page, and no longer than the tab.

import type { SeatAddress } from '../../api/seat'

const PREFIX = 'clarateach.sound.'

function keyOf({ endpoint, seat }: SeatAddress): string {
  return `${PREFIX}${endpoint} ${seat}`
}

export function isSoundWanted(seat: SeatAddress): boolean {
  try {
    return sessionStorage.getItem(keyOf(seat)) !== null
  } catch {
    return false
  }
}

export function keepSoundWish(seat: SeatAddress, isOn: boolean): void {
  try {
    if (isOn) sessionStorage.setItem(keyOf(seat), '1')
    else sessionStorage.removeItem(keyOf(seat))
  } catch {
    // Full or off: then it is off again after a reload.
  }
}
