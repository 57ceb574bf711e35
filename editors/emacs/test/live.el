;;; live.el --- Emacs at work with sessions, for test_emacs.py  -*- lexical-binding: t; -*-

;;; Commentary:

;; emacs --batch -l live.el -f sessionls-live JSON, with JSON { server, folder }.
;; Says what came of it as one line of JSON.

;;; Code:

(require 'sessionls)

(defun sessionls-live--wait (what condition)
  "Wait until CONDITION holds, or fail with WHAT."
  (let ((end (+ (float-time) 120)))
    (while (not (funcall condition))
      (when (> (float-time) end)
        (error "Waited in vain for %s\n%s" what (buffer-string)))
      (accept-process-output nil 0.02)
      ;; What waits for an idle Emacs, which --batch never is.
      (when (bound-and-true-p eglot--managed-mode) (eglot--signal-textDocument/didChange)))))

(defun sessionls-live--shows (&rest texts)
  "Wait until the buffer shows TEXTS."
  (dolist (text texts)
    (sessionls-live--wait text (lambda () (save-excursion (goto-char (point-min)) (search-forward text nil t))))))

(defun sessionls-live--session-buffer ()
  "Wait until a session's buffer is shown, and go there."
  (sessionls-live--wait "a session" (lambda ()
                                      (set-buffer (window-buffer (selected-window)))
                                      (and (derived-mode-p 'sessionls-session-mode) eglot--managed-mode))))

(defun sessionls-live-edits ()
  "Let an agent edit, create and report, and say in a line why it failed."
  (setq debug-on-error nil)
  (condition-case problem
      (sessionls-live--do-edits)
    (error (princ (format "%S\n%s\n" problem (buffer-string)))
           (kill-emacs 1))))

(defun sessionls-live--start ()
  "Set the package up as the command line says, and give the folder."
  (let* ((given (json-parse-string (car command-line-args-left) :object-type 'plist))
         (folder (plist-get given :folder)))
    (setq command-line-args-left nil)
    (setq sessionls-command (append (plist-get given :server) nil)
          sessionls-trusted-folders (list folder)
          sessionls-options '(:model "openai/test" :participant (:name "Ada")))
    folder))

(defun sessionls-live--do-edits ()
  "Ask for edits of an open file, of one with unsaved text, of a closed one, and for a new file."
  (let* ((folder (sessionls-live--start)) (asked 0)
         (open (find-file (expand-file-name "a.py" folder)))
         (dirty (find-file (expand-file-name "dirty.py" folder)))
         result)
    (advice-add 'read-from-minibuffer :before (lambda (&rest _) (cl-incf asked)))
    (with-current-buffer dirty (goto-char (point-max)) (insert "mine = 1\n"))
    (set-buffer open)
    (goto-char (point-max))
    (let ((where (copy-marker (point))))
      (sessionls-ask)
      (sessionls-live--session-buffer)
      (insert "Do it.")
      (sessionls-send)
      (sessionls-live--shows "All done." "tokens in")
      (sessionls-live--wait "the finding" (lambda () (buffer-local-value 'sessionls--findings open)))
      (with-current-buffer open
        (flymake-start)
        (setq result (list :modified (if (buffer-modified-p) "yes" "no")
                           :text (buffer-substring-no-properties (point-min) (point-max))
                           :end (if (= where (point-max)) "yes" "no")
                           :flymake (mapcar #'flymake-diagnostic-text (flymake-diagnostics))
                           :lines (mapcar (lambda (one) (line-number-at-pos (flymake-diagnostic-beg one))) (flymake-diagnostics))))
        (undo-boundary)
        (let ((last-command nil)) (undo))
        (setq result (plist-put result :undone (buffer-substring-no-properties (point-min) (point-max))))))
    (with-current-buffer dirty
      (setq result (plist-put result :dirty (list (if (buffer-modified-p) "yes" "no")
                                                  (buffer-substring-no-properties (point-min) (point-max))))))
    (setq result (plist-put result :closed (if (find-buffer-visiting (expand-file-name "b.py" folder)) "open" "closed")))
    (setq result (plist-put result :asked asked))
    (princ (concat (json-serialize (sessionls-live--vectors result)) "\n"))
    (maphash (lambda (_ server) (ignore-errors (eglot-shutdown server))) sessionls--servers)))

(defun sessionls-live-people ()
  "Share a session and comment in it, and say in a line why it failed."
  (setq debug-on-error nil)
  (condition-case problem
      (sessionls-live--do-people)
    (error (princ (format "%S\n%s\n" problem (buffer-string)))
           (kill-emacs 1))))

(defun sessionls-live--do-people ()
  "Comment in a session, share it with Ben, change his role, and take it away."
  (let* ((folder (sessionls-live--start)) (default-directory (file-name-as-directory folder)) (read '()) result)
    (sessionls-new)
    (sessionls-live--session-buffer)
    (sessionls-comment (concat "The key is AKIA" "IOSFODNN7EXAMPLQ"))
    (sessionls-live--shows "The key is")
    (cl-letf (((symbol-function 'completing-read)
               (lambda (prompt choices &rest _)
                 (push (cons prompt (mapcar (lambda (one) (if (consp one) (car one) one)) choices)) read)
                 (if (string-prefix-p "Role" prompt) "writer"
                   (caar (cl-remove-if-not (lambda (one) (string-prefix-p "Ben " (car one))) choices))))))
      (setq result (list :shared (call-interactively #'sessionls-share)))
      (write-region "" nil (expand-file-name "shared" folder))
      (sessionls-live--shows "Looks right")
      (setq result (plist-put result :removed (call-interactively #'sessionls-unshare))))
    (setq result (plist-put result :people (sessionls-people)))
    (condition-case problem (sessionls-share "carl" "reader")
      (user-error (setq result (plist-put result :unknown (error-message-string problem)))))
    (setq result (plist-put result :text (buffer-substring-no-properties (point-min) (point-max))))
    (princ (concat (json-serialize (append result (list :read (vconcat (mapcar #'vconcat (nreverse read)))))) "\n"))
    (maphash (lambda (_ server) (ignore-errors (eglot-shutdown server))) sessionls--servers)))

(defun sessionls-live ()
  "Do it, and say in a line why it failed."
  (setq debug-on-error nil)
  (condition-case problem
      (sessionls-live--do)
    (error (princ (format "%S\n%s\n" problem (buffer-string)))
           (kill-emacs 1))))

(defun sessionls-live--do ()
  "Ask about a region, answer a question, and fork."
  (let* ((folder (sessionls-live--start)) (asked 0) result)
    ;; Nothing may ask in the minibuffer.
    (advice-add 'read-from-minibuffer :before (lambda (&rest _) (cl-incf asked)))
    (find-file (expand-file-name "a.py" folder))
    (insert "x = '𝒳'  # not saved\n")
    (set-mark (point-min))
    (goto-char (point-max))
    (setq mark-active t transient-mark-mode t)
    (sessionls-ask)
    (sessionls-live--session-buffer)
    (let ((session (current-buffer)))
      (setq result (plist-put result :ahead (buffer-substring-no-properties (line-beginning-position) (point))))
      (insert "What is 𝒳?")
      (sessionls-set-agent "terse")
      (setq result (plist-put result :draft (buffer-substring-no-properties (sessionls--draft-start) (point-max))))
      (sessionls-send)
      (sessionls-live--shows "First line.")
      (goto-char (point-max))
      (insert "Write b.txt")
      (write-region "" nil (expand-file-name "go" folder))
      (sessionls-live--shows "Second line." "tokens in")
      (sessionls-send)
      (sessionls-live--shows "**Permission: code asks:")
      (sessionls-live--wait "the mode line" (lambda () (string-search "⚑1" sessionls-mode-line)))
      (setq result (plist-put result :waiting (substring-no-properties sessionls-mode-line)))
      (goto-char (point-min))
      (condition-case problem (sessionls-allow-once)
        (user-error (setq result (plist-put result :refused (error-message-string problem)))))
      (sessionls-next-question)
      (sleep-for 0.7)
      (sessionls-allow-once)
      (sessionls-live--shows "Written." "Allowed once by Ada")
      (setq result (plist-put result :text (buffer-substring-no-properties (point-min) (point-max))))
      (setq result (plist-put result :outline (mapcar #'car (funcall imenu-create-index-function))))
      (goto-char (point-max))
      (insert "@re")
      (setq result (plist-put result :completed
                              (let ((found (run-hook-with-args-until-success 'completion-at-point-functions)))
                                (all-completions (buffer-substring-no-properties (nth 0 found) (nth 1 found)) (nth 2 found)))))
      (goto-char (point-min))
      (search-forward "What is")
      (sessionls-fork-here)
      (sessionls-live--wait "the fork" (lambda () (not (eq session (window-buffer (selected-window))))))
      (set-buffer (window-buffer (selected-window)))
      (setq result (plist-put result :fork (buffer-substring-no-properties (point-min) (point-max)))))
    (sessionls-list)
    (setq result (plist-put result :listed (buffer-substring-no-properties (point-min) (point-max))))
    (setq result (plist-put result :asked asked))
    (princ (concat (json-serialize (mapcan (lambda (one) one) (list (sessionls-live--vectors result)))) "\n"))
    (maphash (lambda (_ server) (ignore-errors (eglot-shutdown server))) sessionls--servers)))

(defun sessionls-live--vectors (plist)
  "PLIST with vectors in place of lists, for JSON."
  (cl-loop for (key value) on plist by #'cddr append (list key (if (listp value) (vconcat value) value))))

;;; live.el ends here
