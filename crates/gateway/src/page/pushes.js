// The last pushes, newest first, with what was refused and why.

class PushList {
  constructor(store) {
    this.store = store;
    this.list = byId("pushes");
    this.items = new Map();
    this.problemsOnly = false;
  }

  render() {
    const shown = this.store.pushes.filter((push) => !this.problemsOnly || isProblem(push));
    const kept = new Map();
    const wanted = shown.map((push) => {
      const item = this.items.get(push.version) ?? pushItem(push);
      kept.set(push.version, item);
      return item;
    });
    this.items = kept;
    wanted.forEach((item, place) => {
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] ?? null);
    });
    while (this.list.children.length > wanted.length) this.list.lastElementChild.remove();
    const none = byId("no-pushes");
    none.hidden = wanted.length > 0;
    setText(none, this.problemsOnly && this.store.pushes.length > 0 ? "None of the last pushes had a problem." : "No pushes yet.");
  }

  clear() {
    this.items.clear();
  }
}

function isProblem(push) {
  return push.code !== "OK" || push.rejected > 0;
}

function pushItem(push) {
  const failed = push.code !== "OK";
  const result = push.repeat ? "Repeat" : push.code;
  const head = make(
    "div",
    { class: "push-head" },
    make("time", { datetime: new Date(push.at_ms).toISOString() }, formatTime(push.at_ms)),
    make("span", { class: `result${failed ? " failed" : push.repeat ? " repeat" : ""}` }, result),
  );
  if (!failed) {
    head.append(make("span", {}, `${formatTotal(push.accepted)} accepted`));
    if (push.rejected > 0) head.append(make("span", { class: "some" }, `${formatTotal(push.rejected)} rejected`));
  }
  if (push.id !== null) head.append(make("span", { class: "push-id", title: `x-push-id: ${push.id}` }, make("bdi", { dir: "ltr" }, push.id)));

  const item = make("li", {}, head);
  if (push.repeat) item.append(make("p", { class: "sub" }, "Answered from memory, not applied again"));
  if (failed) item.append(make("div", { class: "reasons" }, make("p", {}, visible(push.message))));
  if (push.reasons.length > 0) {
    const reasons = make("ul", { class: "reasons" });
    for (const { metric, reason, message, count } of push.reasons) {
      const times = count > 1 ? ` × ${formatTotal(count)}` : "";
      reasons.append(make("li", {}, make("bdi", { class: "mono" }, metric === "" ? "(no name)" : visible(metric)), ` ${reason}${times}`, make("p", {}, message)));
    }
    item.append(reasons);
  }
  return item;
}
