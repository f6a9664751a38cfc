"""Parts of paths, as the router takes them; what they match is safe in a path that is put together again."""

import re

NAME = r"{name:[A-Za-z0-9_-]{1,64}}"  # of a published video, or of a picture of the gallery
STREAM = re.compile("[A-Za-z0-9_-]{1,64}")  # the same, in a body
KEY = r"{key:[A-Za-z0-9_-]{1,64}}"  # of a session or a viewer
WORKERS = "/cluster/workers"  # where workers tell a gateway of themselves
