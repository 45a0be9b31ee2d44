"""Ends once a window is shown on the screen."""

import sys
import time

from selkies.Xlib import X, display, error

DEADLINE = 60  # seconds; a cold start on a busy machine takes ten

end = time.monotonic() + DEADLINE
root = display.Display().screen().root
while time.monotonic() < end:
    for window in root.query_tree().children:
        try:
            shown = window.get_attributes().map_state == X.IsViewable
            if shown and window.get_geometry().width > 400:
                sys.exit(0)
        except error.XError:
            pass  # it went meanwhile
    time.sleep(0.1)
sys.exit("no window was shown")
