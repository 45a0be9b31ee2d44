// Whether seats can be made of an image, before a class needs them.

import { useMutation } from '@tanstack/react-query'
import { sendJson } from './client'
import type { ImageCheck } from './types'

/** An image that is missing is pulled first: this may take minutes. */
export function useCheckImage() {
  return useMutation({
    mutationFn: (json: { image: string; try: boolean }) =>
      sendJson<ImageCheck>('/api/images/check', { method: 'POST', json }),
    retry: false,
  })
}
