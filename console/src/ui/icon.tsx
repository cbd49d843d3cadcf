/** Line icons on a 16 px grid, drawn in the colour of the text beside them. */
const PATHS = {
  overview: "M2 13V8M6 13V3M10 13V6M14 13V9",
  explorer: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM11 11l3 3",
  bulk: "M2 4h12M2 8h12M2 12h6M11.5 10.5l3 3M14.5 10.5l-3 3",
  locks: "M4 7h8v6H4zM6 7V5a2 2 0 0 1 4 0v2",
  incidents: "M8 2l6.5 11.5h-13ZM8 6.5v3.5M8 11.8v.2",
  audit: "M4 2h8v12H4zM6.5 5.5h3M6.5 8h3M6.5 10.5h2",
  policies: "M3 4h10M3 12h10M3 8h10M6 2.5v3M10 6.5v3M5 10.5v3",
  health: "M1.5 8.5h3l2-5 3 9 2-4h3",
  keys: "M5.5 10.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8.5 7.5H14v2.5M11.5 7.5v2",
  tenants: "M2.5 14V4.5L8 2l5.5 2.5V14M6 14v-3h4v3M6 6.5h.1M10 6.5h.1",
  webhooks: "M4 13a2 2 0 1 1 2-2h5M12 13a2 2 0 1 0-1.5-3.3L8 5.5M8 2.5a2 2 0 1 0 .5 3.9",
  members:
    "M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.5c.5-2.5 2.3-4 4.5-4s4 1.5 4.5 4M11 4a2 2 0 0 1 0 4M12.5 10c1.2.6 1.8 1.8 2 3.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  done: "M3 8.5l3.2 3L13 4.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  sun: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13 10A6 6 0 0 1 6 3a5.5 5.5 0 1 0 7 7Z",
  system: "M2 3h12v8H2zM6 14h4",
  next: "M6 3l5 5-5 5",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 14c.6-3 2.8-4.5 5.5-4.5s4.9 1.5 5.5 4.5",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
