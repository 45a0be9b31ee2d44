/** What learners type: without scheme, and without the code, which the page asks for. */
export function joinAddress(joinUrl: string): string {
  return joinUrl.replace(/#.*$/, '').replace(/^https?:\/\//, '')
}

/** Whether the link leads every other device to itself. */
export function isOnlyHere(joinUrl: string): boolean {
  const { hostname } = new URL(joinUrl)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
