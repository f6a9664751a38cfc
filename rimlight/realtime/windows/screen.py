"""The window itself, run as a process of its own: pictures come in by stdin, a line goes out for each that was drawn.

Needs nothing but Python's own library. A window in the stream's process could take the stream down with it (a dragged
window stops its thread on Windows, macOS wants the main thread, and Tk aborts the process when another thread frees its
objects); here the worst that can happen is that the window goes away.

In: the length of a binary PPM in 4 bytes, big end first, then the PPM. Out: "ready" after the start and after every
picture, or "missing" or "closed: why" if there can be no window. It ends with its window, or with its stdin.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
from typing import Any

POLL_MS = 5
BACKGROUND = "#16181d"


def main(title: str, interval_ms: int) -> None:
    """Show pictures under that title until the window is closed, at least interval_ms apart."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stream, which ends this process after it
    try:
        import tkinter
    except ImportError:
        say("missing")
        return
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        say(f"closed: {error}")
        return
    arrange(root, title)
    label = tkinter.Label(root, background=BACKGROUND, borderwidth=0)
    label.pack(expand=True)
    pictures: queue.Queue[bytes | None] = queue.Queue(1)
    threading.Thread(target=read, args=(pictures,), daemon=True).start()

    def poll() -> None:
        try:
            picture = pictures.get_nowait()
        except queue.Empty:
            root.after(POLL_MS, poll)
            return
        if picture is None:
            root.destroy()
            return
        image = tkinter.PhotoImage(data=picture, format="ppm")
        label.configure(image=image)
        label.image = image  # type: ignore[attr-defined]  # Tk keeps no reference of its own
        root.update_idletasks()
        root.after(interval_ms, lambda: say("ready"))
        root.after(POLL_MS, poll)

    root.after(0, lambda: say("ready"))
    root.after(POLL_MS, poll)
    root.mainloop()


def arrange(root: Any, title: str) -> None:
    """Name the window and let q and Escape close it."""
    root.title(title)
    root.configure(background=BACKGROUND)
    root.resizable(False, False)
    for key in ("q", "<Escape>"):
        root.bind(key, lambda _: root.destroy())


def read(pictures: queue.Queue[bytes | None]) -> None:
    """Hand on what comes by stdin, then None."""
    stream = sys.stdin.buffer
    while len(head := stream.read(4)) == 4:
        pictures.put(stream.read(int.from_bytes(head, "big")))
    pictures.put(None)


def say(line: str) -> None:
    """One line to whoever sends the pictures; gone, it wants none."""
    try:
        print(line.replace("\n", " "), flush=True)
    except BrokenPipeError:
        sys.stdout = None  # or the interpreter's end would complain


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
