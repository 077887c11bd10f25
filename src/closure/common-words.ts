// Names of programs that are also everyday words of messages, protocols and options: as a bare word in a program
// they say nothing. Collected from the programs of Debian's Essential and standard packages.

const COMMON_WORDS: ReadonlySet<string> = new Set(
  `arch clear column comm compose cut date dir echo edit env expand expr factor false file find fold free halt head host
    id init join kill last less line link login look ls mesg more nice nl od open paste perl poweroff pr print
    printf pwd reboot reset rev script see seq shuf shutdown size sleep sort split stat strings strip stty su sum sync
    tabs tac tail tee test time timeout top touch tr true tty uname uniq unlink users w wait wall watch wc
    which who whoami write yes`
    .split(/\s+/)
    .filter((word) => word !== ""),
);

export function isCommonWord(word: string): boolean {
  return COMMON_WORDS.has(word);
}
