// Edits of who is who, from the review page. Each is told with a way back.
import { html, render } from "/static/vendor/lit-html.js";
import { attempt, notify } from "/static/js/notices.js";
import { ask } from "/static/js/parts.js";
import * as people from "/static/js/people_api.js";

const target = (review) => `${review.id}:${review.state.selected}`;

function chosen(review) {
  if (review.state.selected) return review.state.selected;
  notify("choose somebody first: click on a box or a name");
  return null;
}

export async function name(review) {
  if (!chosen(review)) return;
  const given = await asked("Name this person", "Name", review.facts.people[review.state.selected]?.name ?? "", await names());
  if (given) await edited(review, () => people.namePerson(review.facts.people[review.state.selected]?.person_id ?? target(review), given));
}

export async function merge(review) {
  if (!chosen(review)) return;
  const given = await asked("Make one person of two", "This is the same person as", "", await names());
  if (!given) return;
  const own = review.facts.people[review.state.selected];
  await edited(review, () => (own ? people.mergePersons(given, own.person_id) : people.namePerson(target(review), given)));
}

export async function split(review) {
  const label = chosen(review), own = label && review.facts.people[label];
  if (!label) return;
  if (!own) { notify("nobody has this label yet"); return; }
  const given = await asked(`This is not ${own.name ?? own.person_id}`, "Name of who it is, if known", "", []);
  if (given !== null) await edited(review, () => people.splitPerson(own.person_id, [target(review)], given || null));
}

export const undo = (review) => edited(review, () => people.undoEdit(), false);

async function edited(review, work, canUndo = true) {
  const done = await attempt(work);
  if (!done) return;
  if (canUndo) review.made.push("person");
  notify(done.text, canUndo ? { action: { name: "Undo", run: () => review.undo() } } : {});
  await review.refresh();
}

async function names() {
  const known = await attempt(() => people.everybody());
  return (known ?? []).map((one) => one.name).filter(Boolean);
}

async function asked(title, text, value, known) {
  const form = await ask((dialog) => render(html`<h2>${title}</h2>
    <form method="dialog"><label class="field">${text}<input name="name" .value=${value} list="known-names" autocomplete="off" maxlength="100" autofocus></label>
      <datalist id="known-names">${known.map((one) => html`<option value=${one}></option>`)}</datalist>
      <div class="actions"><button value="cancel" formnovalidate type="button" @click=${(event) => event.target.closest("dialog").close("")}>Cancel</button><button class="main" value="ok">Save</button></div></form>`, dialog));
  return form ? form.name.trim() : null;
}
