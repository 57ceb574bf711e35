;;; sessionls.el --- Sessions with AI agents, on eglot  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (eglot "1.9") (transient "0.3.7") (project "0.8.1"))
;; Keywords: tools, convenience
;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A session is a Markdown file.  Select code, run `sessionls-ask', write a
;; question below "Next message", and press C-c C-c.  The reply is written
;; into the buffer while you keep typing.
;;
;;   (require 'sessionls)
;;   (global-set-key (kbd "C-c a") #'sessionls-menu)
;;
;; The language server `sessionls serve' runs once for each project, next
;; to the language servers for your code.  It sees the current text of the
;; project's buffers, saved or not.  It never prompts in the minibuffer:
;; questions for permission are shown in the mode line and in the session's
;; buffer.

;;; Code:

(require 'cl-lib)
(require 'eglot)
(require 'flymake)
(require 'jsonrpc)
(require 'outline)
(require 'project)
(require 'tabulated-list)
(require 'transient)

(defgroup sessionls nil
  "Sessions with AI agents."
  :group 'tools
  :prefix "sessionls-")

(defcustom sessionls-command '("sessionls" "serve")
  "The program of the language server, with its arguments."
  :type '(repeat string))

(defcustom sessionls-options nil
  "`initializationOptions' of the server, as a property list.
For example (:model \"anthropic/claude-sonnet-4-5\" :agent \"code\")."
  :type 'plist)

(defcustom sessionls-trusted-folders nil
  "Folders whose own agents and MCP servers may be used, with their subfolders."
  :type '(repeat directory))

(defface sessionls-waiting '((t :inherit warning))
  "Face for questions that wait for an answer, in the mode line and in lists.")

;; Each version of eglot has one of these variables.
(defvar eglot-confirm-server-edits)
(defvar eglot-confirm-server-initiated-edits)

;;; The connection

(defclass sessionls-server (eglot-lsp-server) ()
  :documentation "A running sessionls server.")

(defvar sessionls--servers (make-hash-table :test #'equal)
  "The server of each project, by the project's root.")

(defvar sessionls--projects (make-hash-table :test #'equal)
  "The project of each session, by the session's id.")

(defvar sessionls--sessions (make-hash-table :test #'equal)
  "The known sessions, by id.")

(defvar sessionls--synced (make-hash-table :test #'equal)
  "The state of each document on its server.
Its version, the tick of its buffer, and the buffer.")

(defvar-local sessionls--findings nil
  "The findings of this buffer, as diagnostics of LSP.")

(defvar sessionls--last-project nil
  "The last used project.")

(defun sessionls--project ()
  "The project of the current buffer."
  (let ((session (sessionls--session-id)))
    (or (and session (gethash session sessionls--projects))
        (if session sessionls--last-project (project-current))
        (cons 'transient default-directory))))

(defun sessionls--live (project)
  "The running server of PROJECT, or nil."
  (let ((server (gethash (project-root project) sessionls--servers)))
    (and server (jsonrpc-running-p server) server)))

(defun sessionls-connect ()
  "The server of the current buffer's project, started if it does not run."
  (let ((project (sessionls--project)))
    (setq sessionls--last-project project)
    (or (sessionls--live project) (sessionls--start project))))

(defun sessionls--start (project)
  "Start the server of PROJECT."
  (unless (executable-find (car sessionls-command))
    (user-error "The program %s is missing: install sessionls, or set `sessionls-command'" (car sessionls-command)))
  (let* ((arguments (help-function-arglist 'eglot t))
         (modern (memq 'language-ids arguments))
         (eglot-sync-connect t)
         ;; In a buffer that no server manages: `eglot' ends the current one.
         (server (with-temp-buffer
                   (setq default-directory (project-root project))
                   (eglot '(sessionls-session-mode)
                          project 'sessionls-server sessionls-command
                          (if modern '("markdown") "markdown")))))
    (unless (cl-typep server 'sessionls-server)
      (setq server (cl-find-if (lambda (one) (cl-typep one 'sessionls-server))
                               (gethash project eglot--servers-by-project))))
    (puthash (project-root project) server sessionls--servers)
    (sessionls--watch)
    (sessionls--refresh server)
    server))

(cl-defmethod eglot-initialization-options ((server sessionls-server))
  "The initialization options for SERVER."
  (let* ((root (expand-file-name (project-root (eglot--project server))))
         (trusted (cl-some (lambda (folder) (string-prefix-p (file-name-as-directory (expand-file-name folder)) root))
                           sessionls-trusted-folders)))
    (append (and trusted '(:workspaceTrusted t)) sessionls-options '(:readOnly :json-false))))

(cl-defmethod eglot-client-capabilities ((_server sessionls-server))
  "The capabilities of eglot and of this package."
  (let* ((able (copy-tree (cl-call-next-method)))
         (window (plist-put (plist-get able :window) :showDocument '(:support t))))
    (setq able (plist-put able :window window))
    (let* ((workspace (plist-get able :workspace))
           (edits (plist-put (plist-get workspace :workspaceEdit) :resourceOperations ["create" "delete"])))
      (setq able (plist-put able :workspace (plist-put workspace :workspaceEdit edits))))
    (plist-put able :experimental '(:sessionls (:events t :permissions t :saves t)))))

(defun sessionls--request (method &optional params)
  "Send the request METHOD with PARAMS to the server, and return the result.
Changed buffers are sent to the server first."
  (let ((server (sessionls-connect)))
    (sessionls--sync)
    (condition-case problem
        (jsonrpc-request server method (or params (make-hash-table)) :deferred t :timeout 60)
      (jsonrpc-error
       (user-error "sessionls: %s" (or (cdr (assq 'jsonrpc-error-message (cdr problem))) problem))))))

(defun sessionls--command (command &rest argument)
  "Run the server's COMMAND with the property list ARGUMENT."
  (sessionls--request :workspace/executeCommand (list :command command :arguments (vector argument))))

;;; Requests and notifications from the server

(cl-defmethod eglot-handle-request
  ((server sessionls-server) (_method (eql window/showDocument)) &key uri selection &allow-other-keys)
  "Show a document of SERVER once Emacs has handled the request."
  (run-at-time 0 nil #'sessionls--show server uri selection)
  '(:success t))

(cl-defmethod eglot-handle-request
  ((_server sessionls-server) (_method (eql session/requestPermission)) &key agent summary &allow-other-keys)
  "Show that AGENT asks for SUMMARY; the question stays open in its session."
  (message "sessionls: %s asks: %s (`sessionls-next-question' shows it)" agent summary)
  (jsonrpc-error "The question stays open and can be answered in the buffer of its session"))

(cl-defmethod eglot-handle-request
  ((server sessionls-server) (_method (eql workspace/applyEdit)) &key edit &allow-other-keys)
  "Apply an EDIT of SERVER.
Buffers of sessions are eglot's; all other documents are edited here,
whatever manages them."
  (let (of-eglot)
    (cl-loop for change across (plist-get edit :documentChanges)
             for uri = (plist-get (plist-get change :textDocument) :uri)
             do (cond ((plist-get change :kind) (sessionls--change-file change))
                      ((sessionls--session-buffer uri) (push change of-eglot))
                      (t (sessionls--edit-document uri change))))
    (sessionls--sync)
    (if (or of-eglot (plist-get edit :changes))
        ;; The edit has been allowed already, so do not prompt in the minibuffer.
        (let ((eglot-confirm-server-edits nil) (eglot-confirm-server-initiated-edits nil))
          (cl-call-next-method server 'workspace/applyEdit :edit
                               (if of-eglot (list :documentChanges (vconcat (nreverse of-eglot))) edit)))
      '(:applied t))))

(defun sessionls--session-buffer (uri)
  "The buffer of the session whose file URI is, or nil."
  (let* ((path (sessionls--path uri)) (buffer (and (sessionls--id-of path) (find-buffer-visiting path))))
    (and buffer (provided-mode-derived-p (buffer-local-value 'major-mode buffer) 'sessionls-session-mode) buffer)))

(defvar-local sessionls--visited-for-edit nil
  "Whether nobody had the file of this buffer open before an edit.")

(defun sessionls--edit-document (uri change)
  "Make the edits of CHANGE, a TextDocumentEdit, in the document URI."
  (let* ((path (or (sessionls--path uri) (jsonrpc-error "Only files can be changed")))
         (known (gethash uri sessionls--synced))
         (buffer (find-buffer-visiting path)))
    (cond (known (sessionls--check-version known (plist-get (plist-get change :textDocument) :version)))
          ((and buffer (buffer-modified-p buffer)) (jsonrpc-error "The buffer has unsaved changes")))
    (unless buffer
      (let ((inhibit-interaction t) (enable-local-variables :safe) (large-file-warning-threshold nil))
        (setq buffer (find-file-noselect path t)))
      (with-current-buffer buffer (setq sessionls--visited-for-edit t)))
    (with-current-buffer buffer
      (when buffer-read-only (jsonrpc-error "The buffer is read-only"))
      (save-restriction
        (widen)
        (sessionls--apply-edits (append (plist-get change :edits) nil))))))

(defun sessionls--apply-edits (edits)
  "Apply EDITS, which are TextEdits, to this buffer, as one step to undo."
  (undo-boundary)
  (let ((places (mapcar (lambda (one)
                          (let ((range (plist-get one :range)))
                            (list (copy-marker (sessionls--point (plist-get range :start)))
                                  (copy-marker (sessionls--point (plist-get range :end)))
                                  (plist-get one :newText))))
                        edits)))
    (atomic-change-group
      (pcase-dolist (`(,beg ,end ,text) (nreverse places))
        (replace-region-contents beg end (lambda () text) 1 1000)
        (set-marker beg nil)
        (set-marker end nil))))
  (undo-boundary))

(cl-defmethod eglot-handle-request
  ((_server sessionls-server) (_method (eql document/save)) &key uris versions &allow-other-keys)
  "Save the documents URIS that are as the server knows them by VERSIONS.
Tell of those that have no unsaved changes then."
  (list :saved (vconcat (cl-remove-if-not
                         (lambda (uri) (sessionls--save uri (plist-get versions (intern (concat ":" uri)))))
                         (append uris nil)))))

(defun sessionls--save (uri version)
  "Save the document URI unless it changed since VERSION.
Give whether it has no unsaved changes.  Nobody is asked anything."
  (let* ((path (sessionls--path uri)) (buffer (and path (find-buffer-visiting path))) (known (gethash uri sessionls--synced)))
    (or (not buffer)
        (with-current-buffer buffer
          (when (and (buffer-modified-p) known (= (nth 1 known) (buffer-chars-modified-tick))
                     (or (null version) (equal version (car known)))
                     (verify-visited-file-modtime))
            (let ((inhibit-interaction t) (save-silently t))
              (condition-case problem (basic-save-buffer)
                (error (message "sessionls: %s was not saved: %s" path (error-message-string problem))))))
          (unless (buffer-modified-p)
            ;; Nobody had it open before, and nobody looks at it.
            (when (and sessionls--visited-for-edit (not (get-buffer-window buffer t)))
              (kill-buffer))
            t)))))

(defun sessionls--change-file (change)
  "Create or delete a file according to CHANGE."
  (let ((file (sessionls--path (plist-get change :uri))))
    (pcase (plist-get change :kind)
      ("create"
       (when (file-exists-p file) (jsonrpc-error "The file exists"))
       (make-directory (file-name-directory file) t)
       (write-region "" nil file nil 'silent))
      ("delete"
       (when-let* ((buffer (find-buffer-visiting file)))
         (when (buffer-modified-p buffer) (jsonrpc-error "The buffer has unsaved changes"))
         (kill-buffer buffer))
       (delete-file file)))))

(defun sessionls--check-version (known version)
  "Signal an error if the buffer in KNOWN no longer has the VERSION of an edit."
  (pcase-let ((`(,sent ,tick ,buffer) known))
    (unless (and (buffer-live-p buffer) (equal sent version)
                 (= tick (buffer-chars-modified-tick buffer)))
      (jsonrpc-error "The document has changed in the meantime"))))

(cl-defmethod eglot-handle-notification
  ((_server sessionls-server) (_method (eql session/changed)) &key session deleted &allow-other-keys)
  "Store a changed SESSION, or remove the session with the id DELETED."
  (if session
      (let* ((id (plist-get session :id)) (before (gethash id sessionls--sessions)))
        (puthash id session sessionls--sessions)
        (when (and (sessionls--asking session) (not (sessionls--asking before)))
          (message "sessionls: %s waits for an answer" (plist-get session :title))))
    (remhash deleted sessionls--sessions))
  (sessionls--update-mode-line))

(cl-defmethod eglot-handle-notification
  ((_server sessionls-server) (_method (eql window/showMessage)) &key message &allow-other-keys)
  "Show MESSAGE in the echo area."
  (message "%s" message))

(cl-defmethod eglot-handle-notification
  ((_server sessionls-server) (_method (eql textDocument/publishDiagnostics)) &key uri diagnostics &allow-other-keys)
  "Show the findings in DIAGNOSTICS for the document URI with flymake."
  (when-let* ((path (sessionls--path uri)) (buffer (find-buffer-visiting path)))
	     (with-current-buffer buffer
	       (setq sessionls--findings (append diagnostics nil))
	       (unless (memq #'sessionls-flymake flymake-diagnostic-functions)
		 (add-hook 'flymake-diagnostic-functions #'sessionls-flymake nil t))
	       (if flymake-mode (flymake-start) (flymake-mode 1)))))

(defun sessionls-flymake (report &rest _)
  "Pass the findings of this buffer to flymake with REPORT."
  (funcall report
           (cl-loop for one in sessionls--findings
                    for range = (plist-get one :range)
                    for beg = (sessionls--point (plist-get range :start))
                    for end = (sessionls--point (plist-get range :end))
                    collect (flymake-make-diagnostic
                             (current-buffer) beg (max end (min (1+ beg) (point-max)))
                             (pcase (plist-get one :severity) (1 :error) (2 :warning) (_ :note))
                             (plist-get one :message)))))

(defun sessionls--path (uri)
  "The path of a file URI, or nil."
  (and (string-prefix-p "file://" uri) (url-unhex-string (url-filename (url-generic-parse-url uri)))))

(defun sessionls--uri (file)
  "The URI of FILE."
  (concat "file://" (url-hexify-string (expand-file-name file) url-path-allowed-chars)))

(defun sessionls--point (position)
  "The point at an LSP POSITION (UTF-16) of this buffer."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char (point-min))
      (forward-line (plist-get position :line))
      (let ((left (plist-get position :character)))
        (while (and (> left 0) (not (eolp)))
          (setq left (- left (if (> (char-after) #xffff) 2 1)))
          (forward-char)))
      (point))))

(defun sessionls--position (point)
  "The LSP position (UTF-16) of POINT."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char point)
      (let ((text (buffer-substring-no-properties (line-beginning-position) point)))
        (list :line (1- (line-number-at-pos point t))
              :character (cl-loop for char across text sum (if (> char #xffff) 2 1)))))))

(defun sessionls--show (server uri selection)
  "Show the document URI of SERVER with SELECTION, in another window."
  (if-let* ((id (and (string-match "\\`sessionls:/*\\([^/]+\\)\\.md\\'" uri) (match-string 1 uri))))
	   (jsonrpc-async-request server :workspace/executeCommand
				  (list :command "sessionls.openFile" :arguments (vector (list :sessionId id)))
				  :success-fn #'ignore :error-fn #'ignore)
	   (when-let* ((path (sessionls--path uri)))
		      (when-let* ((id (sessionls--id-of path)))
				 (puthash id (eglot--project server) sessionls--projects))
		      (pop-to-buffer (find-file-noselect path))
		      (when selection (goto-char (sessionls--point (plist-get selection :end)))))))

;;; The buffers of the project


(defvar sessionls--timer nil)

(defun sessionls--watch ()
  "Start to notify the servers of changes in the buffers of their projects."
  (unless sessionls--timer
    (setq sessionls--timer (run-with-idle-timer 0.5 t #'sessionls--sync))
    (add-hook 'after-save-hook #'sessionls--saved)))

(defun sessionls--sync ()
  "Notify the servers of new, changed and closed buffers."
  (maphash (lambda (root server)
             (when (jsonrpc-running-p server)
               (dolist (buffer (buffer-list))
                 (let ((file (buffer-file-name buffer)))
                   (when (and file (string-prefix-p (expand-file-name root) (expand-file-name file))
                              (not (eq (buffer-local-value 'major-mode buffer) 'sessionls-session-mode)))
                     (sessionls--sync-buffer server buffer (sessionls--uri file)))))
               (maphash (lambda (uri known)
                          (unless (buffer-live-p (nth 2 known))
                            (remhash uri sessionls--synced)
                            (jsonrpc-notify server :textDocument/didClose (list :textDocument (list :uri uri)))))
                        sessionls--synced)))
           sessionls--servers))

(defun sessionls--sync-buffer (server buffer uri)
  "Send the text of BUFFER, the document URI, to SERVER if it is new or changed."
  (let ((known (gethash uri sessionls--synced)) (tick (buffer-chars-modified-tick buffer)))
    (unless (and known (= tick (nth 1 known)))
      (let ((version (1+ (or (car known) 0)))
            (text (with-current-buffer buffer
                    (save-restriction (widen) (buffer-substring-no-properties (point-min) (point-max))))))
        (puthash uri (list version tick buffer) sessionls--synced)
        (if known
            (jsonrpc-notify server :textDocument/didChange
                            (list :textDocument (list :uri uri :version version)
                                  :contentChanges (vector (list :text text))))
          (jsonrpc-notify server :textDocument/didOpen
                          (list :textDocument (list :uri uri :version version :languageId "plaintext" :text text))))))))

(defun sessionls--saved ()
  "Notify the server that this buffer was saved."
  (when-let* ((file buffer-file-name) (uri (sessionls--uri file)))
	     (when (gethash uri sessionls--synced)
	       (sessionls--sync)
	       (maphash (lambda (root server)
			  (when (and (jsonrpc-running-p server) (string-prefix-p (expand-file-name root) (expand-file-name file)))
			    (jsonrpc-notify server :textDocument/didSave (list :textDocument (list :uri uri)))))
			sessionls--servers))))

;;; The buffer of a session

(defun sessionls--id-of (path)
  "The id of the session with the file PATH, or nil."
  (and path (string-match "/sessions/\\([0-9a-f-]\\{36\\}\\)/[^/]+\\.session\\.md\\'" path) (match-string 1 path)))

(defun sessionls--session-id ()
  "The id of the session of this buffer, or nil."
  (sessionls--id-of buffer-file-name))

(defun sessionls--find-project (directory)
  "The project of the session with the folder DIRECTORY."
  (and (string-match "/sessions/\\([0-9a-f-]\\{36\\}\\)/\\'" directory)
       (or (gethash (match-string 1 directory) sessionls--projects) sessionls--last-project)))

(add-hook 'project-find-functions #'sessionls--find-project -90)

(defvar sessionls-session-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'sessionls-send)
    (define-key map (kbd "C-c C-a") #'sessionls-set-agent)
    (define-key map (kbd "C-c C-n") #'sessionls-goto-draft)
    (define-key map (kbd "C-c C-k") #'sessionls-cancel)
    (define-key map (kbd "C-c C-p") #'sessionls-pause-or-resume)
    (define-key map (kbd "C-c C-f") #'sessionls-fork-here)
    (define-key map (kbd "C-c C-q") #'sessionls-next-question)
    (define-key map (kbd "C-c C-y") #'sessionls-allow-once)
    (define-key map (kbd "C-c C-d") #'sessionls-deny)
    (define-key map (kbd "C-c C-o") #'eglot-code-actions)
    (define-key map (kbd "C-c C-m") #'sessionls-menu)
    map)
  "Keys in the buffer of a session.")

(defvar sessionls-font-lock
  '(("^# .*" . 'outline-1)
    ("^## .*" . 'outline-2)
    ("^#### ?.*\\|^### .*" . 'outline-3)
    ("^▸ .*" . 'font-lock-comment-face)
    ("^\\*\\*Permission: .*\\*\\*" . 'sessionls-waiting)
    ("\\`\\|^\\(@[[:alnum:]_.-]+\\)\\_>" 1 'font-lock-keyword-face nil t)
    ("\\(?:^\\|[[:space:]]\\)\\(#\\(?:file\\|diagnostics\\|diff\\|staged\\)[^[:space:]]*\\)" 1 'font-lock-constant-face)
    (" ?<!-- sessionls [^<>\n]* -->" 0 '(face shadow invisible sessionls-mark)))
  "Faces in the buffer of a session.")

(defvar sessionls-session-mode-syntax-table
  (let ((table (make-syntax-table text-mode-syntax-table)))
    (dolist (char '(?@ ?# ?: ?/ ?. ?-))
      (modify-syntax-entry char "_" table))
    table)
  "@review and #file:src/app.py are symbols, so that they complete as a whole.")

;;;###autoload
(define-derived-mode sessionls-session-mode text-mode "Session"
  "Major mode for the transcript of a session with the next message below it.
\\{sessionls-session-mode-map}"
  (setq-local font-lock-defaults '(sessionls-font-lock t))
  (setq-local font-lock-extra-managed-props '(invisible))
  (add-to-invisibility-spec 'sessionls-mark)
  (setq-local outline-regexp "#+ ")
  (setq-local header-line-format
              (substitute-command-keys "\\<sessionls-session-mode-map>\\[sessionls-send] send  \\[sessionls-set-agent] agent  \
\\[sessionls-next-question] question  \\[sessionls-fork-here] fork  \\[sessionls-menu] more"))
  (outline-minor-mode 1)
  (visual-line-mode 1))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.session\\.md\\'" . sessionls-session-mode))
(add-to-list 'eglot-server-programs '(sessionls-session-mode . (lambda (&rest _) (cons 'sessionls-server sessionls-command))))

(defun sessionls--require-session ()
  "The id of this buffer's session; connect to its server if necessary."
  (prog1 (or (sessionls--session-id) (user-error "This buffer is not a session"))
    (sessionls-connect)
    (unless (eglot-current-server) (eglot-ensure))))

(defun sessionls-send ()
  "Send the text below \"Next message\"."
  (interactive)
  (sessionls--require-session)
  (sessionls--command "sessionls.sendDraft" :uri (sessionls--uri buffer-file-name)))

(defun sessionls-goto-draft ()
  "Go to the end of the next message."
  (interactive)
  (goto-char (point-max))
  (skip-chars-backward " \t\n")
  (when (looking-back "-->" (line-beginning-position))
    (goto-char (point-max))))

(defun sessionls--draft-start ()
  "The position at which the next message begins."
  (save-excursion
    (goto-char (point-max))
    (unless (re-search-backward "<!-- sessionls next [^<>\n]* -->" nil t)
      (user-error "The heading \"Next message\" is missing; it reappears when the session changes"))
    (goto-char (match-end 0))
    (skip-chars-forward " \t\n")
    (point)))

(defun sessionls-set-agent (name)
  "Let the agent NAME answer the next message; empty for the session's default."
  (interactive (list (completing-read "Agent for this message (empty: the session's default): "
                                      (sessionls--agents) nil t)))
  (save-excursion
    (goto-char (sessionls--draft-start))
    (when (looking-at "@[[:alnum:]_.-]+[ \t\n]*") (delete-region (point) (match-end 0)))
    (unless (string-empty-p name)
      (when (looking-back "-->" (line-beginning-position)) (insert "\n\n"))
      (insert "@" name " ")))
  (sessionls-goto-draft))

(defun sessionls--agents ()
  "The names of the available agents."
  (cl-loop for agent across (plist-get (sessionls--request :agent/list) :agents)
           when (eq t (plist-get agent :available)) collect (plist-get agent :name)))

(defun sessionls-cancel ()
  "Cancel the reply being written."
  (interactive)
  (sessionls--request :session/cancel (list :sessionId (sessionls--require-session))))

(defun sessionls-pause-or-resume ()
  "Pause the session, or resume it."
  (interactive)
  (let* ((this (list :sessionId (sessionls--require-session)))
         (session (sessionls--request :session/get this)))
    (sessionls--request (if (or (equal (plist-get session :state) "paused") (plist-get session :stopped))
                            :session/resume
                          :session/pause)
                        this)))

(defun sessionls-fork-here ()
  "Fork the session up to the message at point."
  (interactive)
  (let ((id (sessionls--require-session)))
    (save-excursion
      (end-of-line)
      (unless (re-search-backward "<!-- sessionls message [0-9]+ \\([^ ]+\\) " nil t)
        (user-error "No message is at point")))
    (sessionls--command "sessionls.forkHere" :sessionId id :at (match-string-no-properties 1))))

;;; People

(defconst sessionls--roles '("reader" "commenter" "writer" "owner")
  "The roles that a person can have in a session.")

(defun sessionls--people (&optional secrets)
  "The people with access to the session of this buffer.
With SECRETS, also the number of keys and tokens that they see."
  (sessionls--request :session/people (list :sessionId (sessionls--require-session) :secrets (if secrets t :json-false))))

(defun sessionls--person-label (person)
  "The name and the login of PERSON."
  (let ((name (plist-get person :name)) (login (plist-get person :id)))
    (if (and name (not (equal name login))) (format "%s (%s)" name login) login)))

(defun sessionls--read-person (prompt people)
  "Prompt with PROMPT for one of PEOPLE or another login, and return the login."
  (let* ((logins (mapcar (lambda (one) (cons (sessionls--person-label one) (plist-get one :id))) people))
         (chosen (completing-read prompt logins)))
    (when (string-empty-p chosen) (user-error "Nobody was chosen"))
    (or (cdr (assoc chosen logins)) chosen)))

(defun sessionls--people-with-logins ()
  "The people of the session, or an error if the database has no logins."
  (let ((found (sessionls--people)))
    (when-let* ((notice (plist-get found :notice))) (user-error "sessionls: %s" notice))
    found))

(defun sessionls-share (person role)
  "Give PERSON the ROLE in this session.
PERSON is a login, a name, or \"team\" for everybody who may log in."
  (interactive (list (sessionls--read-person "Share with: " (append (plist-get (sessionls--people-with-logins) :known)
                                                                    '((:id "team"))))
                     (completing-read "Role (reader): " sessionls--roles nil t nil nil "reader")))
  (sessionls--request :session/share (list :sessionId (sessionls--require-session) :with person :role role))
  (sessionls-people))

(defun sessionls-unshare (person)
  "Take the role of PERSON in this session away."
  (interactive (list (sessionls--read-person "Remove: " (append (plist-get (sessionls--people-with-logins) :people) nil))))
  (sessionls--request :session/unshare (list :sessionId (sessionls--require-session) :with person))
  (message "%s has no role in this session" person))

(defun sessionls-people ()
  "Show who has which role in this session, and how many keys they see in it."
  (interactive)
  (let* ((found (sessionls--people t)) (secrets (or (plist-get found :secrets) 0))
         (people (mapconcat (lambda (one) (format "%s: %s" (sessionls--person-label one) (plist-get one :role)))
                            (plist-get found :people) ", ")))
    (message "%s%s" (or (plist-get found :notice) people)
             (pcase secrets
               (0 "")
               (1 "\nWhoever may read the session sees 1 key or token in it.")
               (_ (format "\nWhoever may read the session sees %d keys and tokens in it." secrets))))))

(defun sessionls-comment (text)
  "Leave the comment TEXT, which no agent answers, in this session."
  (interactive "sComment: ")
  (sessionls--request :session/comment (list :sessionId (sessionls--require-session) :text text)))

(defun sessionls-hand-over (person note)
  "Hand this session over to PERSON with a NOTE, which may be empty."
  (interactive (list (sessionls--read-person "Hand over to: " (append (plist-get (sessionls--people) :known) nil))
                     (read-string "Note (optional): ")))
  (sessionls--request :session/handOver (append (list :sessionId (sessionls--require-session) :to person)
                                                (unless (string-empty-p note) (list :note note)))))

;;; Questions

(defun sessionls--asking (session)
  "The open questions of SESSION."
  (append (plist-get session :asking) nil))

(defconst sessionls--question "<!-- sessionls question \\([^ ]+\\) [^<>\n]* -->")

(defun sessionls-next-question ()
  "Go to the next open question in this buffer or in another session."
  (interactive)
  (let ((here (and (sessionls--session-id)
                   (save-excursion
                     (or (progn (forward-line) (re-search-forward sessionls--question nil t))
                         (progn (goto-char (point-min)) (re-search-forward sessionls--question nil t)))))))
    (cond (here (goto-char here) (beginning-of-line) (recenter 2))
          ((cl-loop for session being the hash-values of sessionls--sessions
                    when (sessionls--asking session)
                    return (sessionls--command "sessionls.openFile" :sessionId (plist-get session :id))))
          (t (message "No open questions")))))

(defun sessionls--answer (decision)
  "Answer the question at point with DECISION."
  (sessionls--require-session)
  (save-excursion
    (end-of-line)
    (unless (and (re-search-backward "^\\*\\*Permission: \\|^## " nil t)
                 (looking-at (concat "\\*\\*Permission: .*" sessionls--question)))
      (user-error "Go to the question first (`sessionls-next-question')")))
  (sessionls--command "sessionls.answerHere" :uri (sessionls--uri buffer-file-name)
                      :requestId (match-string-no-properties 1) :decision decision))

(defun sessionls-allow-once ()
  "Allow the question at point once."
  (interactive)
  (sessionls--answer "once"))

(defun sessionls-allow-session ()
  "Allow the question at point and similar ones in this session."
  (interactive)
  (sessionls--answer "session"))

(defun sessionls-deny ()
  "Deny the question at point."
  (interactive)
  (sessionls--answer "deny"))

(defvar sessionls-mode-line nil
  "The text for the mode line.")
(put 'sessionls-mode-line 'risky-local-variable t)

(defun sessionls--update-mode-line ()
  "Show in the mode line how many questions are open and replies are written."
  (let ((asking 0) (replying 0))
    (maphash (lambda (_ session)
               (cl-incf asking (length (sessionls--asking session)))
               (when (eq t (plist-get session :replying)) (cl-incf replying)))
             sessionls--sessions)
    (setq sessionls-mode-line
          (concat (and (> asking 0) (propertize (format " ⚑%d" asking) 'face 'sessionls-waiting))
                  (and (> replying 0) (format " ●%d" replying))))
    (unless (memq 'sessionls-mode-line global-mode-string)
      (setq global-mode-string (append (or global-mode-string '("")) '(sessionls-mode-line))))
    (force-mode-line-update t)))

(defun sessionls--refresh (server)
  "Fetch the sessions of SERVER's project."
  (jsonrpc-async-request server :session/list '(:limit 100)
                         :success-fn (lambda (answer)
                                       (cl-loop for session across (plist-get answer :sessions)
                                                do (puthash (plist-get session :id) session sessionls--sessions))
                                       (sessionls--update-mode-line))
                         :error-fn #'ignore :timeout-fn #'ignore))

;;; Asking

;;;###autoload
(defun sessionls-ask (&optional session)
  "Ask about the region, or about this file, in the next message of a new session.
Or in SESSION; a prefix argument prompts for it."
  (interactive (list (and current-prefix-arg (sessionls--choose))))
  (let ((uri (and buffer-file-name (not (sessionls--session-id)) (sessionls--uri buffer-file-name))))
    (if (not uri)
        (sessionls-new)
      (apply #'sessionls--command "sessionls.compose" :uri uri
             (append (and session (list :sessionId session))
                     (and (use-region-p)
                          (list :range (list :start (sessionls--position (region-beginning))
                                             :end (sessionls--position (region-end)))))))
      (deactivate-mark))))

;;;###autoload
(defun sessionls-new ()
  "Create a session."
  (interactive)
  (let ((session (sessionls--request :session/create)))
    (sessionls--command "sessionls.openFile" :sessionId (plist-get session :id))))

;;;###autoload
(defun sessionls-review ()
  "Review this file, or the uncommitted changes."
  (interactive)
  (if (and buffer-file-name (not (sessionls--session-id)))
      (sessionls--command "sessionls.review" :uri (sessionls--uri buffer-file-name))
    (sessionls--command "sessionls.review")))

(defun sessionls--choose ()
  "Prompt for a session, and return its id."
  (let* ((sessions (append (plist-get (sessionls--request :session/list '(:limit 100)) :sessions) nil))
         (names (cl-loop for one in sessions
                         collect (cons (format "%s  %s" (plist-get one :title) (substring (plist-get one :id) -8))
                                       (plist-get one :id)))))
    (cdr (assoc (completing-read "Session: " names nil t) names))))

;;; The list

(defvar sessionls-list-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'sessionls-list-open)
    (define-key map (kbd "+") #'sessionls-new)
    (define-key map (kbd "f") #'sessionls-list-fork)
    (define-key map (kbd "a") #'sessionls-list-archive)
    map)
  "Keys in the list of sessions.")

(define-derived-mode sessionls-list-mode tabulated-list-mode "Sessions"
  "The sessions of a project.
\\{sessionls-list-mode-map}"
  (setq tabulated-list-format [("" 2 t) ("Title" 48 t) ("Agent" 12 t) ("State" 10 t) ("Changed" 16 t)])
  (setq tabulated-list-padding 1)
  (add-hook 'tabulated-list-revert-hook #'sessionls--fill-list nil t)
  (tabulated-list-init-header))

(defun sessionls--fill-list ()
  "Fetch the sessions for this list."
  (setq tabulated-list-entries
        (cl-loop for one across (plist-get (sessionls--request :session/list '(:limit 200)) :sessions)
                 collect (list (plist-get one :id)
                               (vector (cond ((sessionls--asking one) (propertize "⚑" 'face 'sessionls-waiting))
                                             ((eq t (plist-get one :replying)) "●")
                                             (t ""))
                                       (plist-get one :title)
                                       (plist-get one :agent)
                                       (or (plist-get one :stopped) (plist-get one :state))
                                       (replace-regexp-in-string "T" " " (substring (plist-get one :updatedAt) 0 16)))))))

;;;###autoload
(defun sessionls-list ()
  "List the sessions of this project."
  (interactive)
  (let ((root (project-root (sessionls--project))))
    (with-current-buffer (get-buffer-create "*sessions*")
      (setq default-directory root)
      (sessionls-list-mode)
      (sessionls--fill-list)
      (tabulated-list-print)
      (pop-to-buffer (current-buffer)))))

(defun sessionls--at-point ()
  "The session on this line of the list."
  (or (tabulated-list-get-id) (user-error "No session is on this line")))

(defun sessionls-list-open ()
  "Open the session on this line."
  (interactive)
  (sessionls--command "sessionls.openFile" :sessionId (sessionls--at-point)))

(defun sessionls-list-fork ()
  "Fork the session on this line, and open the fork."
  (interactive)
  (let ((child (sessionls--request :session/fork (list :sessionId (sessionls--at-point)))))
    (sessionls--command "sessionls.openFile" :sessionId (plist-get child :id))))

(defun sessionls-list-archive ()
  "Archive the session on this line."
  (interactive)
  (sessionls--request :session/archive (list :sessionId (sessionls--at-point)))
  (revert-buffer))

;;;###autoload (autoload 'sessionls-menu "sessionls" nil t)
(transient-define-prefix sessionls-menu ()
			 "Sessions with AI agents."
			 [["Ask"
			   ("a" "about the region or file" sessionls-ask)
			   ("n" "in a new session" sessionls-new)
			   ("r" "for a review" sessionls-review)]
			  ["Sessions"
			   ("l" "list" sessionls-list)
			   ("q" "next question" sessionls-next-question)]
			  ["This session" :if sessionls--session-id
			   ("c" "send" sessionls-send)
			   ("@" "agent for this message" sessionls-set-agent)
			   ("p" "pause or resume" sessionls-pause-or-resume)
			   ("k" "cancel the reply" sessionls-cancel)
			   ("f" "fork here" sessionls-fork-here)]
			  ["People" :if sessionls--session-id
			   ("w" "who has access" sessionls-people)
			   ("h" "share" sessionls-share)
			   ("u" "unshare" sessionls-unshare)
			   ("m" "comment" sessionls-comment)
			   ("o" "hand over" sessionls-hand-over)]
			  ["The question at point" :if sessionls--session-id
			   ("d" "deny" sessionls-deny)
			   ("y" "allow once" sessionls-allow-once)
			   ("s" "allow for this session" sessionls-allow-session)]])

(provide 'sessionls)
;;; sessionls.el ends here
