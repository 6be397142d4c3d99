/** Pulls, or a part of the limit from 0 to 1. */
export type PullThreshold = { pulls: number } | { part: number };
