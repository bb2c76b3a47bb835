"""The one piece of Python that an attach runs inside an unprepared target.

It loads the native agent under a private name that ``sys.modules`` never sees, has it answer
on a connected socket, and ends.  It uses only modules that every interpreter has loaded.

While the client is connected a finder stands at the end of ``sys.meta_path``: a target that
has no leakhunt installed can import ``leakhunt.mark`` then.  It goes with the client.

Nothing here may be left to the collector, which a program may have switched off: hence no
class (a class refers to itself), and namespaces are emptied when they are done with.
"""

from __future__ import annotations

_PROGRAM = """
import sys
imp, ModuleSpec = sys.modules["_imp"], sys.modules["_frozen_importlib"].ModuleSpec
Namespace = type(sys.implementation)


def offer_mark(mark, sys=sys, ModuleSpec=ModuleSpec, Namespace=Namespace,
               getpid=sys.modules["posix"].getpid):
    def exec_module(module):
        module.mark = mark
    loader = Namespace(create_module=lambda spec: None, exec_module=exec_module)
    pid = getpid()

    def is_ours(other):
        return type(other) is Namespace and other.__dict__.get("leakhunt_mark") is mark

    def find_spec(name, path=None, target=None):
        if getpid() != pid:  # a forked child: nobody listens there
            sys.meta_path[:] = [other for other in sys.meta_path if not is_ours(other)]
            return None
        return ModuleSpec(name, loader) if name == "leakhunt" else None
    finder = Namespace(find_spec=find_spec, leakhunt_mark=mark)
    sys.meta_path.append(finder)

    def leave():
        sys.meta_path[:] = [other for other in sys.meta_path if other is not finder]
        module = sys.modules.get("leakhunt")
        spec = getattr(module, "__spec__", None)
        if getattr(spec, "loader", None) is loader:
            del sys.modules["leakhunt"]
    return leave


def begin(fd, path, offers_mark):
    native = imp.create_dynamic(ModuleSpec("_heap", None, origin=path))
    imp.exec_dynamic(native)
    serve, mark = native.serve, native.mark
    native.__dict__.clear()
    leave = offer_mark(mark) if offers_mark else None
    try:
        serve(fd, leave)
    except BaseException:
        if leave is not None:
            leave()
        raise


try:
    begin(SOCKET, LIBRARY, OFFERS_MARK)
finally:
    globals().clear()
"""


def source(fd: int, library: str, *, offers_mark: bool = True) -> str:
    """The text for a target in which ``fd`` is a connected socket (SEQPACKET) to us.

    ``library`` is the agent's file as the target sees it (``/proc/self/fd/N`` of a file in
    memory will do).  The text runs in a namespace of its own, which it empties in the end, and
    raises what goes wrong; when nothing does, the descriptor is the agent's.
    """
    values = f"SOCKET, LIBRARY, OFFERS_MARK = {fd}, {library!r}, {offers_mark}\n"
    return values + _PROGRAM
