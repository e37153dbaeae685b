// Times stand on the page in UTC; here they become the reader's own.

const date = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

for (const time of document.querySelectorAll("time")) {
  const format = "clock" in time.dataset ? clock : date;
  time.textContent = format.format(new Date(time.dateTime));
}
