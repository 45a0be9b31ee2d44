// The few icons in use, drawn on a 16 × 16 grid with the current colour.

const PATHS = {
  add: 'M8 3v10M3 8h10',
  back: 'M10 3L5 8l5 5',
  browser: 'M2 3.5h12v9H2zM2 6.5h12M4 5h.01M5.5 5h.01',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  chevron: 'M6 4l4 4-4 4',
  clipboard: 'M5.5 3.5H4v10h8v-10h-1.5M5.5 2.5h5v2.5h-5z',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5h7.5V13H5.5zM3 10.5V3h7.5',
  download: 'M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10',
  edit: 'M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2z',
  enlarge: 'M9.5 3H13v3.5M13 3L9 7M6.5 13H3V9.5M3 13l4-4',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  folder: 'M2 4h4.2l1.4 1.6H14v7.4H2z',
  fullScreen: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  lock: 'M4 7.5h8V13H4zM5.5 7.5V5.3a2.5 2.5 0 0 1 5 0v2.2',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  newFile: 'M9 2H4v12h4M9 2l3 3v3M9 2v3h3M12 10v4M10 12h4',
  newFolder: 'M8.5 13H2V4h4.2l1.4 1.6H14V8M12.5 10v4M10.5 12h4',
  person: 'M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8zM3 13.8c.6-2.6 2.6-4 5-4s4.4 1.4 5 4',
  ports: 'M6 2.5v3.5M10 2.5v3.5M4 6h8v2.5a4 4 0 0 1-8 0zM8 12.5v2',
  refresh: 'M13 4v3.2H9.8M12.8 7A5 5 0 1 0 13 9.2',
  save: 'M3 3h8l2 2v8H3zM5.5 3v3.5h4V3M5.5 13V9.5h5V13',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2',
  sound: 'M2.5 6.2H5L8.5 3v10L5 9.8H2.5zM10.8 6a2.9 2.9 0 0 1 0 4M12.6 4.2a5.4 5.4 0 0 1 0 7.6',
  soundOff: 'M2.5 6.2H5L8.5 3v10L5 9.8H2.5zM10.8 6.4L14 9.6M14 6.4l-3.2 3.2',
  terminal: 'M2 3h12v10H2zM4.5 6l2 2-2 2M8.5 10h3',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 9h5.8l.6-9',
  undo: 'M5.5 3L2.5 6l3 3M2.5 6h6.7a3.6 3.6 0 0 1 0 7.2H6',
  upload: 'M8 11V3M4.5 6L8 2.5 11.5 6M3 13.5h10',
  warning: 'M8 2.5l6 11H2zM8 6.5v3.5M8 12h.01',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      style={{ flex: 'none' }}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
