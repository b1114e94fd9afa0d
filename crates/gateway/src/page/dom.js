// Makes elements. Text is inserted as text only: no code of the page parses HTML.

const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets the text if it differs, because an unchanged node keeps its selection. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A line to copy, with a button if the browser allows pages to copy. */
function addCopyButton(pre) {
  if (!navigator.clipboard) return;
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  pre.after(button);
}
