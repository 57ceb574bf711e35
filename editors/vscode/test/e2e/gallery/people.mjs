// Sessions of several people in a team's database. Ann looks at them; Ben writes with the terminal program.

const OTHERS = ["cleo", "dan", "maximiliana_wolkenstein_hohenfels_of_the_night_shift"];
export const NAMES = ["ann", "ben", ...OTHERS];
export const files = { "notes.md": "# Notes\n" };
export const settings = { "sessionls.participant.name": "Ann Lee" };

const bottom = ({ frame }) => frame.locator(".transcript").evaluate((element) => element.scrollTo(0, element.scrollHeight));
const complete = (text) => async (gallery) => {
  await gallery.panel.write(text);
  await gallery.frame.locator("#completions .menu-item").first().waitFor();
};
const clear = ({ panel }) => panel.text.fill("");

/** Makes the sessions, and puts their ids by name into `gallery.ids`. */
export async function arrange(gallery, team) {
  const { ids, frame } = gallery;
  const as = (name, ...args) => {
    const participant = { ann: "Ann Lee", ben: "Ben" }[name] ?? name;
    const env = { SESSIONLS_DATABASE_URL: team.members[name].url, SESSIONLS_PARTICIPANT_NAME: participant };
    return gallery.sessionls(args, { env });
  };
  Object.assign(gallery, { as, team });
  const share = (session, from, name, role) => as(from, "share", ids[session], team.members[name].login, role);
  const known = new Set();
  /** Remembers the id of a session that `name` has just made. */
  const keep = (session, name) => {
    const { id } = JSON.parse(as(name, "sessions", "--json", "--all")).sessions.find((one) => !known.has(one.id));
    known.add((ids[session] = id));
  };
  for (const [session, text] of [
    ["private", "say: nobody else sees this"],
    ["handed-over", "say: what Ben goes on with"],
    ["shared", "say: hello from Ann"],
  ]) {
    await gallery.begin();
    await gallery.ask(text);
    keep(session, "ann");
  }
  // People who have connected once can be chosen.
  for (const name of NAMES.slice(1)) as(name, "sessions", "--all");
  for (const name of NAMES.slice(1)) share("shared", "ann", name, "writer");
  as("ben", "comment", ids.shared, "It looks right to me. Can you look at the last line, @Ann Lee?");
  await frame.getByText("mentions you").waitFor();
  share("handed-over", "ann", "ben", "owner");
  as("ben", "comment", ids["handed-over"], "I take it.");
  as("ben", "hand-over", ids["handed-over"], "Ann Lee", "I am off until Monday: please answer the question of the last line.");
  for (const role of ["commenter", "reader"]) {
    as("ben", "ask", `say: for a ${role}`);
    keep(role, "ben");
    share(role, "ben", "ann", role);
  }
}

export const states = [
  { name: "people-private", session: "private", pose: bottom },
  { name: "people-shared", session: "shared", pose: bottom },
  { name: "people-mention", session: "shared", pose: complete("look @"), undo: clear },
  {
    name: "people-notified",
    session: "shared",
    pose: async (gallery) => {
      await gallery.panel.write("please look @be");
      await gallery.panel.text.press("Tab");
      await gallery.frame.locator(".to-people").waitFor();
    },
    undo: clear,
  },
  { name: "people-handed-over", session: "handed-over", pose: bottom },
  { name: "people-commenter", session: "commenter", pose: bottom },
  { name: "people-reader", session: "reader", pose: bottom },
  {
    name: "people-access-lost",
    session: "reader",
    pose: async (gallery) => {
      gallery.as("ben", "unshare", gallery.ids.reader, gallery.team.members.ann.login);
      await gallery.frame.getByText("You no longer have access to").waitFor();
    },
    undo: async (gallery) => {
      gallery.as("ben", "share", gallery.ids.reader, gallery.team.members.ann.login, "reader");
      await gallery.frame.getByText("You no longer have access to").waitFor({ state: "hidden" });
    },
  },
];
