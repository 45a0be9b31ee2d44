/** What may be done in a frame of a seat's own origin. What it may not is take this page away. */
export const OWN_ORIGIN_SANDBOX = [
  'allow-scripts',
  'allow-same-origin',
  'allow-forms',
  'allow-popups',
  'allow-popups-to-escape-sandbox',
  'allow-modals',
  'allow-downloads',
].join(' ')
