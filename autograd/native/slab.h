/* What the compiled engine does in C by hand: memory for nodes, their making and freeing, and the calls of rows.

   Memory comes in blocks of one size from slabs of 2 MiB, each backed by one huge page where Linux has them.  A graph
   of a million nodes is swept at the speed of memory.  Nodes that are made one after another lie one after another
   here, and a slab costs one page fault and one entry of the address cache in place of 512.  A slab whose nodes are
   all gone starts anew from its first block, so that the next graph is in order too; up to SLABS_KEPT empty slabs are
   kept, the others (up to SLABS_SPARE) are the system's to take as soon as it needs memory.

   A slab that is touched for the first time costs its page fault: 0.2 ms where the system has the memory at hand, so 8
   ns a node, and 2 to 5 ms on a virtual machine that gave its free huge pages back to the host.  Asking for the pages
   beforehand (MAP_POPULATE, MADV_POPULATE_WRITE) costs the same; small pages cost 36 ns a node.  Guarded by the GIL; where
   there is none, or no mmap, Python's own allocator does. */

#include <stddef.h>
#include <string.h>
#include <structmember.h>
#if defined(__linux__) && !defined(Py_GIL_DISABLED)
#include <stdint.h>
#include <sys/mman.h>

#define SLAB_SIZE ((size_t)1 << 21)
#define SLABS_KEPT 16
#define SLABS_SPARE 256

typedef struct slab {
    struct slab *next, *previous; /* in the list of slabs with room, or (next only) of empty ones */
    void *returned;               /* blocks given back, linked through their first word */
    char *fresh;                  /* the first block never used since the slab was empty */
    size_t used;                  /* how many blocks are in use */
    int listed;                   /* whether it is in the list of slabs with room */
} slab;

static slab *slab_current = NULL, *slab_with_room = NULL, *slab_empty = NULL;
static size_t slab_block = 0;
static int slab_kept = 0;
static slab *slab_spares[SLABS_SPARE]; /* nothing in them can be relied upon */
static int slab_spare = 0;

static void slab_restart(slab *s) {
    s->returned = NULL;
    s->fresh = (char *)s + 64;
    s->used = 0;
}

static int slab_full(const slab *s) {
    return s->returned == NULL && s->fresh + slab_block > (const char *)s + SLAB_SIZE;
}

static void slab_list(slab *s) {
    s->previous = NULL;
    s->next = slab_with_room;
    if (s->next != NULL) s->next->previous = s;
    slab_with_room = s;
    s->listed = 1;
}

static void slab_unlist(slab *s) {
    if (s->previous != NULL) s->previous->next = s->next;
    else slab_with_room = s->next;
    if (s->next != NULL) s->next->previous = s->previous;
    s->listed = 0;
}

static slab *slab_new(void) {
    char *raw = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *start;
    size_t before;
    if (raw == MAP_FAILED) return NULL;
    start = (char *)(((uintptr_t)raw + SLAB_SIZE - 1) & ~(uintptr_t)(SLAB_SIZE - 1));
    before = (size_t)(start - raw);
    if (before) munmap(raw, before);
    if (SLAB_SIZE - before) munmap(start + SLAB_SIZE, SLAB_SIZE - before);
#ifdef MADV_HUGEPAGE
    madvise(start, SLAB_SIZE, MADV_HUGEPAGE);
#endif
    slab_restart((slab *)start);
    ((slab *)start)->listed = 0;
    return (slab *)start;
}

/* Make a slab with room the current one. */
static slab *slab_next(void) {
    slab *s = slab_with_room;
    if (s != NULL) {
        slab_unlist(s);
    } else if ((s = slab_empty) != NULL) {
        slab_empty = s->next;
        slab_kept--;
    } else if (slab_spare) {
        s = slab_spares[--slab_spare];
        slab_restart(s);
        s->listed = 0;
    } else if ((s = slab_new()) == NULL) {
        return NULL;
    }
    return slab_current = s;
}

static PyObject *slab_alloc(PyTypeObject *type, Py_ssize_t items) {
    slab *s = slab_current;
    void *block;
    if ((size_t)type->tp_basicsize != slab_block) return PyType_GenericAlloc(type, items);
    if ((s == NULL || slab_full(s)) && (s = slab_next()) == NULL) return PyErr_NoMemory();
    if (s->returned != NULL) {
        block = s->returned;
        s->returned = *(void **)block;
    } else {
        block = s->fresh;
        s->fresh += slab_block;
    }
    s->used++;
    memset(block, 0, slab_block);
    return PyObject_Init((PyObject *)block, type);
}

static void slab_free(void *block) {
    slab *s = (slab *)((uintptr_t)block & ~(uintptr_t)(SLAB_SIZE - 1));
    *(void **)block = s->returned;
    s->returned = block;
    s->used--;
    if (s->used == 0) {
        slab_restart(s);
        if (s == slab_current) return;
        if (s->listed) slab_unlist(s);
        if (slab_kept < SLABS_KEPT) {
            s->next = slab_empty;
            slab_empty = s;
            slab_kept++;
#ifdef MADV_FREE
        } else if (slab_spare < SLABS_SPARE && madvise(s, SLAB_SIZE, MADV_FREE) == 0) {
            slab_spares[slab_spare++] = s;
#endif
        } else {
            munmap(s, SLAB_SIZE);
        }
    } else if (s != slab_current && !s->listed) {
        slab_list(s);
    }
}

#endif

#if defined(__GNUC__) || defined(__clang__)
#define slab_prefetch(address) (__builtin_prefetch(address), __builtin_prefetch((char *)(address) + 64))
#else
#define slab_prefetch(address) ((void)(address))
#endif

/* How many nodes were ever made before this one. */
static long long slab_births = 0;
static long long slab_born(void) { return slab_births++; }

/* The first birth from `at` downwards for which there is a node in the ring. */
static long long slab_next_birth(void **items, long long at, Py_ssize_t room) {
    while (items[at & (room - 1)] == NULL) at--;
    return at;
}

/* The node type, and where Cython keeps the objects that a node refers to. */
#define NODE struct __pyx_obj_8autograd_5value_Value
#define NODE_PART(node, offset) (*(PyObject **)((char *)(node) + (offset)))
#define NODE_A(node) NODE_PART(node, node_a)
#define NODE_B(node) NODE_PART(node, node_b)
#define NODE_LABEL(node) NODE_PART(node, node_label)
#define NODE_WEAK(node) NODE_PART(node, node_weak)
static PyTypeObject *node_type = NULL;
static Py_ssize_t node_a, node_b, node_label, node_weak;
static PyObject *node_empty = NULL; /* the empty label */

/* A node of these operands and no other fields; a new reference. */
static PyObject *slab_node(PyObject *a, PyObject *b) {
    PyObject *node = node_type->tp_alloc(node_type, 0);
    if (node == NULL) return NULL;
    Py_INCREF(a);
    Py_INCREF(b);
    Py_INCREF(node_empty);
    NODE_A(node) = a;
    NODE_B(node) = b;
    NODE_LABEL(node) = node_empty;
    return node;
}

/* Nodes that died wait in a queue, linked through the place of their label, and let go of their operands one after
   another: a C stack as deep as the graph would overflow, and while a node waits the memory fetches its operands. */
#if defined(_MSC_VER)
#define PER_THREAD __declspec(thread)
#else
#define PER_THREAD __thread
#endif
static PER_THREAD struct dying {
    PyObject *first, *last;
    int busy;
} dying_here;

static void node_dealloc(PyObject *node) {
    struct dying *dying = &dying_here;
    PyObject *label;
    if (NODE_WEAK(node) != NULL) PyObject_ClearWeakRefs(node);
    label = NODE_LABEL(node);
    if (Py_TYPE(node) != node_type) { /* a subclass's, whose memory is its own affair */
        PyObject *a = NODE_A(node), *b = NODE_B(node);
        Py_TYPE(node)->tp_free(node);
        Py_XDECREF(a);
        Py_XDECREF(b);
        Py_XDECREF(label);
        return;
    }
    if (NODE_A(node) != NULL) slab_prefetch(NODE_A(node));
    if (NODE_B(node) != NULL) slab_prefetch(NODE_B(node));
    NODE_LABEL(node) = NULL;
    Py_XDECREF(label);
    if (dying->first == NULL) dying->first = node;
    else NODE_LABEL(dying->last) = node;
    dying->last = node;
    if (dying->busy) return;
    dying->busy = 1;
    while ((node = dying->first) != NULL) {
        PyObject *a = NODE_A(node), *b = NODE_B(node);
        NODE_A(node) = NODE_B(node) = NULL;
        Py_XDECREF(a); /* may put operands at the end of the queue, this node still in it */
        Py_XDECREF(b);
        dying->first = NODE_LABEL(node);
        node_type->tp_free(node);
    }
    dying->busy = 0;
}

/* A node that its class makes is marked until its __init__ ran. */
static newfunc node_new_general = NULL;
static Py_ssize_t node_shape;
#define NODE_UNSET 4 /* UNSET in value.py */

static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *node = node_new_general(type, args, kwargs);
    if (node != NULL) ((char *)node)[node_shape] = NODE_UNSET;
    return node;
}

/* A docstring as inspect.signature reads it, kept for as long as the type. */
static const char *slab_text(const char *signature, size_t length, const char *doc) {
    char *text = PyMem_RawMalloc(length + strlen(doc) + 6);
    if (text == NULL) return NULL;
    memcpy(text, signature, length);
    strcpy(text + length, "\n--\n\n");
    strcat(text, doc);
    return text;
}

/* The class's, as Cython writes no signature for a constructor. */
static void node_document(PyTypeObject *type, const char *signature) {
    const char *text = slab_text(signature, strlen(signature), type->tp_doc != NULL ? type->tp_doc : "");
    if (text != NULL) type->tp_doc = text;
}

/* A method's, which keeps the signature that it has. */
static void slab_document(PyTypeObject *type, const char *name, const char *doc) {
    PyObject *method = PyDict_GetItemString(type->tp_dict, name);
    const char *end, *text;
    PyMethodDef *def;
    if (method == NULL || Py_TYPE(method) != &PyMethodDescr_Type) return;
    def = ((PyMethodDescrObject *)method)->d_method;
    if (def->ml_doc == NULL || (end = strstr(def->ml_doc, "\n--\n\n")) == NULL) return;
    text = slab_text(def->ml_doc, (size_t)(end - def->ml_doc), doc);
    if (text != NULL) def->ml_doc = text;
}

/* A macro, as Cython defines the node only after this file. */
#define slab_install(type, empty, signature) do { \
    node_shape = offsetof(NODE, _shape); \
    slab_install_at(type, empty, offsetof(NODE, _a), offsetof(NODE, _b), offsetof(NODE, _label), \
                    offsetof(NODE, __weakref__)); \
    node_document(type, signature); \
} while (0)

static void slab_install_at(PyTypeObject *type, PyObject *empty, Py_ssize_t a, Py_ssize_t b, Py_ssize_t label,
                            Py_ssize_t weak) {
    Py_INCREF(empty);
    node_empty = empty;
    node_new_general = type->tp_new;
    type->tp_new = node_new;
    node_type = type;
    node_a = a;
    node_b = b;
    node_label = label;
    node_weak = weak;
    if (type->tp_flags & Py_TPFLAGS_HAVE_GC) return; /* its blocks would begin with the collector's header */
    type->tp_dealloc = node_dealloc;
#ifdef SLAB_SIZE
    slab_block = (size_t)type->tp_basicsize;
    type->tp_alloc = slab_alloc;
    type->tp_free = slab_free;
#endif
}

/* The items of two lists or tuples of one length, as one tuple. */
static PyObject *row_pair(PyObject *a, PyObject *b) {
    Py_ssize_t i, n = PySequence_Fast_GET_SIZE(a);
    PyObject **first, **second, *pair = PyTuple_New(2 * n); /* which may run the collector, and finalizers */
    if (pair == NULL) return NULL;
    if (PySequence_Fast_GET_SIZE(a) != n || PySequence_Fast_GET_SIZE(b) != n) {
        Py_DECREF(pair);
        PyErr_SetString(PyExc_RuntimeError, "a list changed its length while it was paired with another");
        return NULL;
    }
    first = PySequence_Fast_ITEMS(a);
    second = PySequence_Fast_ITEMS(b);
    for (i = 0; i < n; i++) {
        Py_INCREF(first[i]);
        Py_INCREF(second[i]);
        PyTuple_SET_ITEM(pair, i, first[i]);
        PyTuple_SET_ITEM(pair, n + i, second[i]);
    }
    return pair;
}

/* Calls of a row: `row_called` gives the result of those that it has a shortcut for, and NotImplemented for others. */
static ternaryfunc row_call_general = NULL;
static PyObject *(*row_called)(PyObject *, PyObject *) = NULL;
static Py_ssize_t row_code_at, row_arity_at, row_gather_at; /* where a row has its slots */

#define ROW_SLOT(row, at) (*(PyObject **)((char *)(row) + (at)))
static int row_code(PyObject *row) { return (int)PyLong_AsLong(ROW_SLOT(row, row_code_at)); }
static int row_has_gather(PyObject *row, PyObject *gather) { return ROW_SLOT(row, row_gather_at) == gather; }
static int row_has_arity(PyObject *row, int arity) { /* -1: any number of arguments */
    PyObject *own = ROW_SLOT(row, row_arity_at);
    return arity == (own == Py_None ? -1 : (int)PyLong_AsLong(own));
}

static PyObject *row_call(PyObject *row, PyObject *args, PyObject *kwargs) {
    if (kwargs == NULL) {
        PyObject *result = row_called(row, args);
        if (result != Py_NotImplemented) return result;
        Py_DECREF(result);
    }
    return row_call_general(row, args, kwargs);
}

static int row_slot(PyTypeObject *type, const char *name, Py_ssize_t *at) {
    PyObject *member = PyObject_GetAttrString((PyObject *)type, name);
    int found = member != NULL && Py_TYPE(member) == &PyMemberDescr_Type;
    if (found) *at = ((PyMemberDescrObject *)member)->d_member->offset;
    PyErr_Clear();
    Py_XDECREF(member);
    return found;
}

static void row_install(PyTypeObject *type, PyObject *(*called)(PyObject *, PyObject *)) {
    if (!row_slot(type, "code", &row_code_at) || !row_slot(type, "arity", &row_arity_at) ||
        !row_slot(type, "gather", &row_gather_at))
        return; /* then all calls go through Python */
    row_called = called;
    row_call_general = type->tp_call;
    type->tp_call = row_call;
}
