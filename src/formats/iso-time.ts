// A time of ISO 8601 as text ⇄ as Python's datetime reads and writes it: offset kept, fraction only when there is one.

export interface IsoTime {
  /** As `datetime.isoformat()` writes it, such as `1970-01-01T00:00:01+00:00`. */
  readonly text: string;
  /** Seconds since the epoch, without their fraction. A time without an offset is of UTC. */
  readonly seconds: number;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Parses `YYYY-MM-DDTHH:MM:SS+HH:MM`; the seconds, their fraction, the time and the offset may be missing, and `Z` is
 * +00:00. Of a fraction six digits count.
 *
 * @returns undefined when the text is no such time.
 */
export function parseIsoTime(text: string): IsoTime | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d:?\d\d(?::\d\d)?)?)?$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
  if (year < 1 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59) return undefined;
  const micros = (match[7] ?? "").slice(0, 6).padEnd(6, "0");
  const offset = parseOffset(match[8]);
  if (offset !== undefined && Math.abs(offset) >= 86_400) return undefined;
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second);
  const whole = local.getTime() / 1000 - (offset ?? 0);
  const pad = (number: number) => String(number).padStart(2, "0");
  const date = `${String(year).padStart(4, "0")}-${pad(month)}-${pad(day)}`;
  const fraction = micros === "000000" ? "" : `.${micros}`;
  return {
    text: `${date}T${pad(hour)}:${pad(minute)}:${pad(second)}${fraction}${formatOffset(offset)}`,
    // Python's int() cuts towards zero.
    seconds: whole < 0 && fraction !== "" ? whole + 1 : whole,
  };
}

/** Seconds east of UTC. */
function parseOffset(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "Z") return 0;
  const [hours = 0, minutes = 0, seconds = 0] = text.slice(1).replaceAll(":", "").match(/\d\d/g)!.map(Number);
  if (minutes > 59 || seconds > 59) return 86_400;
  return (text[0] === "-" ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}

function formatOffset(offset: number | undefined): string {
  if (offset === undefined) return "";
  const size = Math.abs(offset);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60];
  if (size % 60 !== 0) parts.push(size % 60);
  return (offset < 0 ? "-" : "+") + parts.map((part) => String(part).padStart(2, "0")).join(":");
}
