/** What the panels of sessions use. */
import type { Api } from "../api";
import type { Changes } from "../changes/changes";
import type { ChangeReview } from "../changes/review";
import type { Deletions } from "../deletions";
import type { QuestionDocuments } from "../questionDocuments";
import type { EditableMessage } from "../editableMessage";
import type { EditorContext } from "../context";
import type { FindingActions } from "../findings/actions";
import type { Models } from "../models";
import type { Sessions } from "../sessions";
import type { Permissions } from "../permissions";
import type { Server } from "../server";
import type { Drafts } from "./drafts";
import type { Images } from "./images";

/** The services for panels. */
export interface PanelServices {
  readonly api: Api;
  readonly sessions: Sessions;
  readonly permissions: Permissions;
  readonly models: Models;
  readonly server: Server;
  readonly context: EditorContext;
  readonly drafts: Drafts;
  readonly images: Images;
  readonly findings: FindingActions;
  readonly changes: Changes;
  readonly review: ChangeReview;
  readonly questions: QuestionDocuments;
  /** Called when the page of this session gets the focus. */
  readonly focused: (sessionId: string) => void;
  /** Shows another session. */
  readonly show: (sessionId: string, draft?: EditableMessage) => void;
  readonly deletions: Deletions;
}
