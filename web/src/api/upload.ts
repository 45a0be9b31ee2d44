// Sends a file and tells how far it is: fetch cannot say that, XMLHttpRequest can. Errors are those of `client.ts`.

import { errorFrom, noAnswer } from './client'

export interface UploadOptions {
  method: 'PUT' | 'POST'
  headers?: Record<string, string>
  signal: AbortSignal
  /** Bytes of the body that have been sent. */
  onProgress?: (sent: number) => void
}

export interface UploadAnswer {
  status: number
  text: string
}

export function upload(url: string, body: Blob, options: UploadOptions): Promise<UploadAnswer> {
  const { method, headers = {}, signal, onProgress } = options
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted())
      return
    }
    const request = new XMLHttpRequest()
    request.open(method, url)
    request.withCredentials = true
    for (const [name, value] of Object.entries({ 'Content-Type': 'application/octet-stream', ...headers })) {
      request.setRequestHeader(name, value)
    }
    const abort = () => request.abort()
    signal.addEventListener('abort', abort)
    request.onloadend = () => signal.removeEventListener('abort', abort)
    request.upload.onprogress = ({ loaded }) => onProgress?.(loaded)
    request.onabort = () => reject(aborted())
    request.onerror = () => reject(noAnswer())
    request.onload = () => {
      const { status, responseText: text } = request
      if (status >= 200 && status < 300) resolve({ status, text })
      else reject(errorFrom(status, { get: (name) => request.getResponseHeader(name) }, jsonOf(text)))
    }
    request.send(body)
  })
}

function aborted(): DOMException {
  return new DOMException('The upload was cancelled.', 'AbortError')
}

export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
