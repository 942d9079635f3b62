// Who is who: every edit is one entry of the store's log, and can be undone.
import { address, get, post } from "/static/js/api.js";

const edit = (action, facts = {}) => post("/api/people/edits", { action, ...facts });

export const everybody = (options) => get("/api/people", options);
export const portraitsOf = (target, options) => get(address("/api/portraits", { target, limit: 12 }), options);
export const unnamed = (options) => get(address("/api/portraits/unnamed", { limit: 12 }), options);
export const namePerson = (target, name) => edit("name", { target, name });
export const mergePersons = (person, other) => edit("merge", { person, other });
export const splitPerson = (person, parts, name = null) => edit("split", { person, parts, name });
export const undoEdit = () => edit("undo");
export const redoEdit = () => edit("undo", { redo: true });
