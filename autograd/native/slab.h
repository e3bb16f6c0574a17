/* Memory for nodes: blocks of one size from slabs of 2 MiB, each backed by one huge page where Linux has them.

   A graph of a million nodes is swept at the speed of memory.  Nodes that are made one after another lie one after
   another here, and a slab costs one page fault and one entry of the address cache in place of 512.  A slab whose
   nodes are all gone starts anew from its first block, so that the next graph is in order too; up to SLABS_KEPT empty
   slabs are kept, the others go back to the system.  Guarded by the GIL; where there is none, or no mmap, Python's
   own allocator does. */

#include <string.h>
#if defined(__linux__) && !defined(Py_GIL_DISABLED)
#include <stdint.h>
#include <sys/mman.h>

#define SLAB_SIZE ((size_t)1 << 21)
#define SLABS_KEPT 16

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
        } else {
            munmap(s, SLAB_SIZE);
        }
    } else if (s != slab_current && !s->listed) {
        slab_list(s);
    }
}

static void slab_install(PyTypeObject *type) {
    if (type->tp_flags & Py_TPFLAGS_HAVE_GC) return; /* its blocks would begin with the collector's header */
    slab_block = (size_t)type->tp_basicsize;
    type->tp_alloc = slab_alloc;
    type->tp_free = slab_free;
}
#else
static void slab_install(PyTypeObject *type) { (void)type; }
#endif

#if defined(__GNUC__) || defined(__clang__)
#define slab_prefetch(address) (__builtin_prefetch(address), __builtin_prefetch((char *)(address) + 64))
#else
#define slab_prefetch(address) ((void)(address))
#endif
