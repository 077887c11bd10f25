// Names of programs that are also everyday words of messages, protocols and options: as a bare word in a program
// they say nothing. Collected from the programs of Debian's Essential and standard packages.

const COMMON_WORDS: ReadonlySet<string> = new Set(
  `arch clear column comm cut date dir echo env expand expr factor file find fold free head host id join kill last
  less line link login look ls mesg more nice nl od paste perl pr printf pwd reset rev script seq shuf size sleep
  sort split stat strings strip stty su sum sync tabs tac tail tee test time timeout top touch tr true false
  tty uname uniq unlink users w wait wall watch wc which who whoami write yes`
    .split(/\s+/)
    .filter((word) => word !== ""),
);

export function isCommonWord(word: string): boolean {
  return COMMON_WORDS.has(word);
}
