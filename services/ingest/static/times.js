// Times stand on the page in UTC; here they become the reader's own.

const language = document.documentElement.lang;
const date = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });

for (const time of document.querySelectorAll("time")) {
  const format = "clock" in time.dataset ? clock : date;
  time.textContent = format.format(new Date(time.dateTime));
}
