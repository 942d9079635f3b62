// Who is who: every edit is one entry of the store's log, and can be undone.
import { get, post } from "/static/js/api.js";

export const everybody = (options) => get("/api/people", options);
export const unnamed = (options) => get("/api/people/unnamed", options);
export const namePerson = (target, name) => post("/api/people/name", { target, name });
export const mergePersons = (into, other) => post("/api/people/merge", { into, other });
export const splitPerson = (person, labels, name = null) => post("/api/people/split", { person, labels, name });
export const undoEdit = () => post("/api/people/undo", {});
export const redoEdit = () => post("/api/people/redo", {});
