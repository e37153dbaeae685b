// The shop: a click on a photograph opens the order dialog; uploads and returning customers have their own files.

import { ApiError, post } from "./api.js";
import { openOrder } from "./order-dialog.js";
import { followReturn } from "./order-status.js";
import { acceptUploads } from "./upload.js";

const postId = document.body.dataset.postId;

function choose(print) {
  const fields = { attachment_id: print.dataset.attachmentId, post_id: postId };
  countClick(fields);
  const picture = print.querySelector("img");
  const chosen = {
    title: print.dataset.title,
    src: picture.src,
    alt: picture.alt,
    checkout: { route: "/create-checkout", fields },
  };
  openOrder(chosen, post("/calculate-all-prices", fields));
}

/** Counting is for the owner's statistics: the customer must not notice when it does not work. */
async function countClick(fields) {
  try {
    await post("/track-button-click", fields);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.info(`The click was not counted: ${error.message}`);
  }
}

for (const print of document.querySelectorAll(".print")) {
  print.addEventListener("click", () => choose(print));
}
acceptUploads();
followReturn();
