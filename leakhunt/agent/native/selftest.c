/* Prove, on sacrificial objects, that the private layouts are what we were compiled for.
 *
 * Every guessed place is read through process_vm_readv, so that a wrong guess is an error
 * and not a crash.  Anything that does not match refuses the interpreter.
 */
#include "compat.h"

#include "selftest.h"

#include "process.h"

static const char SAMPLES[] = "class Sample: pass\n"
                              "x = ['st_x']; y = ['st_y']; local = ['st_l']\n"
                              "sample = Sample(); sample.st_x = x; sample.st_y = y\n"
                              "general = {1: 'a', (2,): 'b', 3: 'c'}; del general[1]\n"
                              "named = {'p': 1, 'q': 2, 'r': 3}; del named['q']\n"
                              "def make(st_l):\n"
                              "    yield st_l\n"
                              "generator = make(local); next(generator)\n";

/* One word of our own memory; all ones when the address is bad. */
static uintptr_t
word_at(const void *p)
{
    uintptr_t x;
    return lk_read_memory(p, &x, sizeof(x)) ? x : UINTPTR_MAX;
}

/* One byte of our own memory; -1 when the address is bad. */
static int
byte_at(const void *p)
{
    uint8_t x;
    return lk_read_memory(p, &x, 1) ? x : -1;
}

#define EXPECT(condition, what)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return what;                                                                           \
        }                                                                                          \
    } while (0)

/* NULL, or what does not match. */
static const char *
check_sizes(void)
{
    EXPECT(Py_Version >> 16 == LK_BUILT_FOR >> 16, "interpreter version");
    EXPECT((size_t)PyType_Type.tp_basicsize == sizeof(PyHeapTypeObject), "size of type");
    EXPECT((size_t)PyDict_Type.tp_basicsize == sizeof(PyDictObject), "size of dict");
    EXPECT((size_t)PyList_Type.tp_basicsize == sizeof(PyListObject), "size of list");
    EXPECT((size_t)PySet_Type.tp_basicsize == sizeof(PySetObject), "size of set");
    EXPECT((size_t)PyUnicode_Type.tp_basicsize == sizeof(PyUnicodeObject), "size of str");
    EXPECT((size_t)PyFunction_Type.tp_basicsize == sizeof(PyFunctionObject), "size of function");
    EXPECT((size_t)PyCode_Type.tp_basicsize == offsetof(PyCodeObject, co_code_adaptive),
           "size of code");
    EXPECT((size_t)PyGen_Type.tp_basicsize ==
               offsetof(PyGenObject, gi_iframe) + offsetof(_PyInterpreterFrame, localsplus),
           "size of generator");
    EXPECT((size_t)PyFrame_Type.tp_basicsize ==
               offsetof(PyFrameObject, _f_frame_data) + offsetof(_PyInterpreterFrame, localsplus),
           "size of frame");
    EXPECT((size_t)PyModule_Type.tp_basicsize >= sizeof(lk_module), "size of module");
    return NULL;
}

/* The shared keys and inline values of an instance. */
static const char *
check_instance(PyObject *o, PyObject *x, PyObject *y)
{
    PyTypeObject *t = Py_TYPE(o);
    char *keys = (char *)word_at(&((PyHeapTypeObject *)t)->ht_cached_keys);
    EXPECT(t->tp_flags & Py_TPFLAGS_MANAGED_DICT, "managed dict flag");
    EXPECT(byte_at(keys + offsetof(PyDictKeysObject, dk_kind)) == DICT_KEYS_SPLIT, "shared keys");
    EXPECT(word_at(keys + offsetof(PyDictKeysObject, dk_nentries)) == 2, "shared key count");
    PyDictUnicodeEntry *entry = lk_unicode_entries((PyDictKeysObject *)keys);
    PyObject *name = PyUnicode_InternFromString("st_x");
    int same = name != NULL && word_at(&entry[0].me_key) == (uintptr_t)name;
    Py_XDECREF(name);
    EXPECT(same, "shared key names");
    Py_ssize_t capacity;
#if LK_V >= 313
    EXPECT(t->tp_flags & Py_TPFLAGS_INLINE_VALUES, "inline values flag");
#endif
    PyObject **values = lk_inline_values(o, t, &capacity);
    EXPECT(values != NULL && capacity >= 2, "inline values");
    EXPECT(word_at(&values[0]) == (uintptr_t)x && word_at(&values[1]) == (uintptr_t)y,
           "inline value places");
    EXPECT(lk_managed_dict(o, t) == NULL, "managed dict place");
    return NULL;
}

/* Our reading of a dict's entries against PyDict_Next. */
static const char *
check_dict(PyObject *dict, int kind)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    size_t i = 0, n = (size_t)word_at(&keys->dk_nentries);
    EXPECT(byte_at(&keys->dk_kind) == kind && n == 3, "dict table");
    while (PyDict_Next(dict, &at, &key, &value)) {
        uintptr_t k = 0, v = 0;
        for (; i < n && v == 0; i++) {
            k = kind == DICT_KEYS_GENERAL ? word_at(&lk_general_entries(keys)[i].me_key)
                                          : word_at(&lk_unicode_entries(keys)[i].me_key);
            v = kind == DICT_KEYS_GENERAL ? word_at(&lk_general_entries(keys)[i].me_value)
                                          : word_at(&lk_unicode_entries(keys)[i].me_value);
        }
        EXPECT(k == (uintptr_t)key && v == (uintptr_t)value, "dict entries");
    }
    return NULL;
}

/* The frame inside a suspended generator. */
static const char *
check_generator(PyObject *o, PyObject *local)
{
    PyGenObject *g = (PyGenObject *)o;
    int8_t state = (int8_t)byte_at(&g->gi_frame_state);
    EXPECT(PyGen_CheckExact(o) && state < FRAME_EXECUTING && state > -4, "generator state");
    _PyInterpreterFrame *f = lk_generator_frame(g);
    PyCodeObject *code = lk_frame_code(f);
    EXPECT(code != NULL && word_at(&((PyObject *)code)->ob_type) == (uintptr_t)&PyCode_Type,
           "frame code");
    EXPECT((word_at(&f->localsplus[0]) & ~(uintptr_t)3) == (uintptr_t)local, "frame locals");
    EXPECT(byte_at(&f->owner) == FRAME_OWNED_BY_GENERATOR, "frame owner");
    EXPECT(code->co_nlocalsplus == 1 && PyTuple_CheckExact(code->co_localsplusnames), "code names");
    return NULL;
}

/* The collector's lists: the newest container is the tail of the youngest. */
static const char *
check_collector(void)
{
    PyInterpreterState *interp = PyInterpreterState_Get();
    PyObject *newest = PyList_New(0);
    EXPECT(newest != NULL, "memory");
    PyGC_Head *head = lk_gc_list(interp, 0);
    uintptr_t tail = word_at(&head->_gc_prev) & ~(uintptr_t)3;
    int is_tail = tail == (uintptr_t)newest - sizeof(PyGC_Head);
    int is_ring = (word_at((void *)tail) & ~(uintptr_t)3) == (uintptr_t)head;
    Py_DECREF(newest);
    EXPECT(is_tail && is_ring, "collector lists");
    return NULL;
}

/* The thread states and their frames: ours is among them. */
static const char *
check_threads(void)
{
    PyThreadState *ts = PyThreadState_Get();
    PyInterpreterState *interp = PyInterpreterState_Get();
    int found = 0;
    for (PyThreadState *p = interp->threads.head; p != NULL && found < 100000; p = p->next) {
        if (p == ts) {
            found = 100000;
        }
    }
    EXPECT(found == 100000, "thread list");
    _PyInterpreterFrame *f = lk_thread_frame(ts);
    for (int i = 0; f != NULL && i < 8; i++) {
        int owner = byte_at(&f->owner);
        EXPECT(owner >= 0 && owner <= 4, "thread frames");
        uintptr_t previous = word_at(&f->previous);
        EXPECT(previous != UINTPTR_MAX, "thread frames");
        f = (_PyInterpreterFrame *)previous;
    }
    PyObject *modules = LK_INTERP_MODULES(interp);
    EXPECT(modules != NULL && modules == PyImport_GetModuleDict(), "sys.modules");
    PyObject *dict, *subclasses;
    lk_type_dicts(interp, &PyLong_Type, &dict, &subclasses);
    EXPECT(dict != NULL && word_at(&dict->ob_type) == (uintptr_t)&PyDict_Type,
           "dict of a static type");
    return NULL;
}

/* Everything that needs a sacrificial object. */
static const char *
check_samples(PyObject *ns)
{
#define GET(name) PyDict_GetItemString(ns, name)
    const char *bad = check_instance(GET("sample"), GET("x"), GET("y"));
    bad = bad ? bad : check_dict(GET("general"), DICT_KEYS_GENERAL);
    bad = bad ? bad : check_dict(GET("named"), DICT_KEYS_UNICODE);
    return bad ? bad : check_generator(GET("generator"), GET("local"));
}

/* Drop the samples.  A class refers to itself, by its order of resolution and its descriptors: it
 * is cleared as the collector would, which the program may have switched off. */
static void
drop_samples(PyObject *ns)
{
    PyObject *class = Py_XNewRef(PyDict_GetItemString(ns, "Sample"));
    PyDict_Clear(ns);
    if (class != NULL && Py_TYPE(class)->tp_clear != NULL) {
        Py_TYPE(class)->tp_clear(class);
    }
    Py_XDECREF(class);
    Py_DECREF(ns);
}

/* 0, or -1 with RuntimeError set.  Makes and drops some objects; needs the GIL. */
int
lk_self_test(void)
{
    const char *bad = check_sizes();
    bad = bad ? bad : check_collector();
    bad = bad ? bad : check_threads();
    if (bad == NULL) {
        PyObject *ns = PyDict_New();
        PyObject *done = ns == NULL ? NULL : PyRun_String(SAMPLES, Py_file_input, ns, ns);
        if (done != NULL) {
            bad = check_samples(ns);
            Py_DECREF(done);
        }
        if (ns != NULL) {
            drop_samples(ns);
        }
        if (done == NULL) {
            return -1;
        }
    }
    if (bad != NULL) {
        PyErr_Format(PyExc_RuntimeError, "layout self-test failed: %s (compiled for %s)", bad,
                     PY_VERSION);
        return -1;
    }
    return 0;
}
