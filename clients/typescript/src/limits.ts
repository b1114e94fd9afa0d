/** Most samples in one `record` call: as many as the reporter sends to its gateway in one push. */
export const MAX_SAMPLES_PER_CALL = 1000;

/**
 * Most UTF-16 units in one `record` call, before JSON escapes any. It may write six
 * characters for one, and the reporter reads strings of up to 1 Mi: beyond that it
 * would refuse the good samples with the bad.
 */
export const MAX_CHARS_PER_CALL = 160 * 1024;

/** Most UTF-16 units in one sample. A larger one would be refused by the reporter anyway. */
export const MAX_CHARS_PER_SAMPLE = 32 * 1024;
