/** Most samples in one `record` call. The reporter sends as many to its gateway in one push. */
export const MAX_SAMPLES_PER_CALL = 1000;

/**
 * Most UTF-16 units in one `record` call, before JSON escaping. JSON may write six characters for
 * one. The reporter reads strings of up to 1 Mi characters, and refuses a longer string with all
 * its samples.
 */
export const MAX_CHARS_PER_CALL = 160 * 1024;

/** Most UTF-16 units in one sample. The reporter would refuse a larger one. */
export const MAX_CHARS_PER_SAMPLE = 32 * 1024;
