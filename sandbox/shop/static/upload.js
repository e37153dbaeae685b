// "Your own photograph": by file field or drag and drop.

import { ApiError, postFile } from "./api.js";
import { openOrder } from "./order-dialog.js";

const MAX_BYTES = 10 * 1024 * 1024;
const TYPES = ["image/jpeg", "image/png", "image/webp"];

const drop = document.getElementById("drop");
const field = document.getElementById("file");
const note = document.getElementById("upload-note");

function say(text, bad = false) {
  note.textContent = text;
  note.classList.toggle("bad", bad);
}

function complaint(file) {
  if (!TYPES.includes(file.type)) return `${file.name} is not a JPEG, PNG or WebP picture.`;
  if (file.size > MAX_BYTES) return `${file.name} is larger than 10 MB.`;
  return null;
}

async function send(file) {
  const wrong = complaint(file);
  if (wrong) return say(wrong, true);
  say(`Sending ${file.name}…`);
  drop.setAttribute("aria-busy", "true");
  field.disabled = true;
  try {
    const answer = await postFile("/upload-image", "image", file);
    say("");
    offer(file, answer);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message, true);
  } finally {
    drop.removeAttribute("aria-busy");
    field.disabled = false;
    field.value = "";
  }
}

function offer(file, answer) {
  const src = URL.createObjectURL(file);
  const checkout = { route: "/create-checkout-upload", fields: { upload_id: answer.upload_id } };
  const chosen = { title: file.name, src, alt: "Your photograph", checkout };
  openOrder(chosen, Promise.resolve(answer), () => URL.revokeObjectURL(src));
}

export function acceptUploads() {
  field.addEventListener("change", () => field.files.length && send(field.files[0]));
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!field.disabled && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
}
