/** The mark: a stay on a line, with its end in sight. */
export function Mark() {
  return (
    <span className="mark">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="var(--accent)" />
        <g stroke="var(--accent-ink)" strokeWidth="2.5" strokeLinecap="round">
          <path d="M7 20h18" opacity="0.45" />
          <path d="M7 20h9" />
          <path d="M25 14v-4" />
        </g>
        <circle cx="16" cy="20" r="4" fill="var(--accent-ink)" />
      </svg>
      Sojourn
    </span>
  );
}
