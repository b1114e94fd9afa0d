// The state of the gateway. The gateway sends changes, and the store keeps the whole.

/** Sums per slot over the last two minutes: a ring by slot number, as in the gateway. */
class Activity {
  constructor(slots) {
    this.sums = new Float64Array(slots);
    this.newest = 0;
  }
  set(slot, sum) {
    const slots = this.sums.length;
    if (slot > this.newest) {
      const passed = Math.min(slot - this.newest, slots);
      for (let back = 0; back < passed; back++) this.sums[(slot - back) % slots] = 0;
      this.newest = slot;
    }
    if (this.newest - slot < slots) this.sums[slot % slots] = sum;
  }
  get(slot) {
    const slots = this.sums.length;
    return slot > this.newest || this.newest - slot >= slots ? 0 : this.sums[slot % slots];
  }
  merge([first, sums]) {
    sums.forEach((sum, place) => this.set(first + place, sum));
  }
}

/** The number of slots in the mean for a rate "now": ten seconds. */
const NOW_SLOTS = 5;

class Store {
  constructor() {
    this.cursor = { instance: 0, version: 0, slot: 0 };
    this.clear(60);
  }

  clear(slots) {
    this.slots = slots;
    this.metrics = new Map();
    this.series = new Map();
    this.pushes = [];
    this.accepted = new Activity(slots);
    this.rejected = new Activity(slots);
  }

  /** Applies an answer of the gateway. Returns whether it comes from another process than before. */
  take(state) {
    const restarted = this.cursor.instance !== 0 && this.cursor.instance !== state.instance;
    if (state.full) this.clear(state.slots);
    // Changed in place: all series of a metric share this object, and its help may arrive later.
    for (const metric of state.metrics) this.metrics.set(metric.id, Object.assign(this.metrics.get(metric.id) ?? {}, metric));
    for (const news of state.series) this.takeSeries(news, state.now_ms);
    this.pushes = state.pushes.reverse().concat(this.pushes).slice(0, 50);
    this.accepted.merge(state.accepted);
    this.rejected.merge(state.rejected);
    // Last, so that the page requests the data again after an error above.
    this.latest = state;
    this.cursor = { instance: state.instance, version: state.version, slot: state.slot };
    return restarted;
  }

  takeSeries(news, nowMs) {
    let one = this.series.get(news.id);
    if (!one) {
      const metric = this.metrics.get(news.metric);
      const text = `${metric.name}${selector(news.labels)}`;
      one = { id: news.id, metric, labels: news.labels, text, found: text.toLowerCase(), activity: new Activity(this.slots) };
      this.series.set(news.id, one);
    }
    one.value = news.value;
    one.histogram = news.histogram;
    one.changedAt = nowMs;
    one.activity.merge(news.activity);
  }

  /** Rates per second for each slot, oldest first, without the current slot, which is incomplete. */
  rates(activity) {
    const seconds = this.latest.slot_ms / 1000;
    const end = this.latest.slot;
    return Array.from({ length: this.slots - 1 }, (_, place) => activity.get(end - this.slots + 1 + place) / seconds);
  }

  rateNow(activity) {
    let sum = 0;
    for (let back = 1; back <= NOW_SLOTS; back++) sum += activity.get(this.latest.slot - back);
    return sum / ((NOW_SLOTS * this.latest.slot_ms) / 1000);
  }

  /** The time of a place in `rates`, in milliseconds. */
  timeOf(place) {
    return (this.latest.slot - this.slots + 1 + place) * this.latest.slot_ms;
  }
}
