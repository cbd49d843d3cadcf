/** Why a session ended, for the person it was. Reasons are a closed set, causes are our own. */
const REASONS = {
  logout: "You signed out in another tab or window.",
  revoked: "The session was ended from elsewhere.",
  idle_timeout: "There was no activity for a while.",
  absolute_timeout: "It was time to sign in again.",
  replaced: "You signed in again in this browser.",
  evicted: "You are signed in on too many devices, so the oldest was signed out.",
  reuse_detected: "This session was used in a second place, so we ended it to be safe.",
  subject_revoked: "You were signed out everywhere.",
};
const CAUSES = {
  other_device: "You were signed out from another device.",
  credential_change: "The password was changed on another device.",
};

export function endWords(reason, cause) {
  return CAUSES[cause] ?? REASONS[reason] ?? "Please sign in again.";
}
