// The time of day where the reader is, as a hint on each time. Without it the page
// does the same.
"use strict";
for (const at of document.querySelectorAll("time[datetime]")) {
  const when = new Date(at.dateTime);
  if (!Number.isNaN(when.getTime())) {
    at.title = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }) + ", your time";
  }
}
