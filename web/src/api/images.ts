// Whether seats can be made of an image, before a class needs them.

import { useMutation } from '@tanstack/react-query'
import { sendJson } from './client'

export interface ImageFinding {
  /** `warning`: seats do without; `error`: no seat can be made of it. */
  level: 'good' | 'warning' | 'error'
  code: string
  message: string
  remedy?: string
}

export interface ImageCheck {
  image: string
  usable: boolean
  architecture?: string
  size_mb?: number
  findings: ImageFinding[]
  /** One seat that was made, probed and removed; absent where none was asked for, or none could be made. */
  tried?: { works: boolean; seconds: number; reason?: { code: string; message: string } }
}

/** An image that is missing is pulled first: this may take minutes. */
export function useCheckImage() {
  return useMutation({
    mutationFn: (json: { image: string; try: boolean }) =>
      sendJson<ImageCheck>('/api/images/check', { method: 'POST', json }),
    retry: false,
  })
}
