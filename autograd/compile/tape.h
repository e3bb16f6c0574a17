/* A flat program made ready to run: its instructions in order, with a slot of the workspace for each value.

   What depends on no input that varies from point to point is computed once, on single numbers; the rest on lanes of
   numbers, a point in each.  A run at one point is the case where nothing varies.  A slot is used again as soon as its
   value is no longer needed, the one that was freed last first, so that the workspace stays in the cache.

   Places say where a value lies: from 0 on a slot of single numbers, below 0 (as ~slot) one of lanes. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TAPE_LANES 32

/* The program's operations, in the order of its codes. */
#define TAPE_OPERATIONS(X) \
    X(add) X(sub) X(mul) X(div) X(neg) X(abs) X(sqrt) X(floor) X(ceil) X(trunc) X(copysign) \
    X(select_lt) X(select_le) X(select_eq) X(skip_lt) X(skip_le) X(skip_eq) X(take) X(call) \
    X(pow) X(mod) X(floordiv) X(fmod) X(remainder) X(atan2) \
    X(exp) X(expm1) X(exp2) X(log) X(log1p) X(log2) X(log10) X(cbrt) X(sin) X(cos) \
    X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(erf) X(erfc)

#define TAPE_ENTRY(name) TAPE_##name,
enum { TAPE_OPERATIONS(TAPE_ENTRY) TAPE_COUNT };
#undef TAPE_ENTRY

/* Two operations in one, each rounded: (a first b) second c, where the fourth second is c - (a first b). */
#define TAPE_CHAIN(first, second) (TAPE_COUNT + 4 * (first) + (second))
#define TAPE_REVERSED 3
/* ... and three: a*b + c*d, a*b - c*d. */
#define TAPE_DOT(second) (TAPE_CHAIN(2, 4) + (second))
#define TAPE_END TAPE_DOT(2)
/* On single numbers up to TAPE_LONGEST of a kind come in a run, to be done without a jump between them. */
#define TAPE_LONGEST 8
#define TAPE_RUN(operation, length) (TAPE_END + 1 + TAPE_LONGEST * (operation) + (length) - 1)
#define TAPE_ALL TAPE_RUN(TAPE_END, 1)
/* On lanes, those of which an operand is a single number: 1 for the first, 2 for the second. */
#define TAPE_MIXED(operation, which) (TAPE_END + 1 + 2 * (operation) + (which) - 1)
/* a*b +- c on lanes: 1 if a is a single number, 2 if c is. */
#define TAPE_LANE_CHAIN(second, which) (TAPE_MIXED(4, 1) + 4 * (second) + (which))
#define TAPE_LANE_DOT(second, which) (TAPE_LANE_CHAIN(4, 0) + 4 * (second) + (which))

typedef struct tape_work {
    struct tape_work *next;
    void *block;
    double *numbers, *lanes; /* from a whole cache line on */
} tape_work;

typedef struct {
    int32_t *code[2]; /* for single numbers, for lanes */
    int64_t length[2], room[2];
    int32_t slots[2];
    int32_t *lists; /* places, for take and call */
    int64_t lists_length;
    int32_t *inputs, *outputs; /* places */
    int64_t inputs_length, outputs_length;
    int32_t *spread; /* pairs: a slot of single numbers that fills a slot of lanes beforehand */
    int64_t spread_length, spread_room;
    double *constants;
    int64_t constants_length;
    tape_work *spare;
} tape;

static void tape_free_work(tape_work *work) {
    free(work->block);
    free(work);
}

static void tape_free(tape *t) {
    if (t == NULL) return;
    while (t->spare != NULL) {
        tape_work *work = t->spare;
        t->spare = work->next;
        tape_free_work(work);
    }
    free(t->code[0]);
    free(t->code[1]);
    free(t->lists);
    free(t->inputs);
    free(t->outputs);
    free(t->spread);
    free(t->constants);
    free(t);
}

/* A workspace with the constants in it; NULL without memory.  Whoever calls has the GIL. */
static tape_work *tape_borrow(tape *t) {
    tape_work *work = t->spare;
    size_t numbers;
    if (work != NULL) {
        t->spare = work->next;
        return work;
    }
    numbers = ((size_t)t->slots[0] + 7) & ~(size_t)7;
    work = malloc(sizeof *work);
    if (work == NULL) return NULL;
    work->block = calloc(numbers + (size_t)t->slots[1] * TAPE_LANES + 8, sizeof(double));
    if (work->block == NULL) {
        free(work);
        return NULL;
    }
    work->numbers = (double *)(((uintptr_t)work->block + 63) & ~(uintptr_t)63);
    work->lanes = work->numbers + numbers;
    if (t->constants_length) memcpy(work->numbers, t->constants, (size_t)t->constants_length * sizeof(double));
    return work;
}

static void tape_give_back(tape *t, tape_work *work) {
    work->next = t->spare;
    t->spare = work;
}

/* ---- making it ---------------------------------------------------------------------------------------------------- */

#define TAPE_NEVER INT32_MAX

typedef struct {
    int32_t *items;
    int64_t length, room;
} tape_stack;

typedef struct {
    tape *t;
    const int32_t *rows; /* op, a, b, c, d */
    int64_t n, inputs;
    const int32_t *lists;
    const int64_t *starts;
    int skips; /* whether skips are kept */
    int32_t *last;     /* by value: the instruction that uses it last */
    int32_t *place;    /* by value */
    int32_t *wide;     /* by value: the slot of lanes that is filled with it; the constants' after them */
    int32_t *list_at;  /* by list: where it is in the tape's lists, or -1 */
    uint8_t *uses;     /* by value: 0, 1, or 2 for more */
    uint8_t *varies;   /* by value */
    uint8_t *fate;     /* by instruction */
    int32_t *order;    /* the instructions as they are to be run */
    int64_t ordered;
    int64_t run_at;    /* where the present run begins in the code, or -1 */
    int run_of;
    tape_stack vacant[2];
} tape_maker;

/* What is computed as part of its user; what has such an operand; what nothing may change places with. */
enum { TAPE_ABSORBED = 1, TAPE_ABSORBS = 2, TAPE_APART = 4 };

static int tape_reserve(int32_t **items, int64_t *room, int64_t length, int64_t more) {
    if (length + more > *room) {
        int64_t wanted = *room + *room / 2 + more + 64;
        int32_t *grown = realloc(*items, (size_t)wanted * sizeof **items);
        if (grown == NULL) return -1;
        *items = grown;
        *room = wanted;
    }
    return 0;
}

static int tape_is_skip(const tape_maker *m, int64_t i) {
    return m->rows[5 * i] >= TAPE_skip_lt && m->rows[5 * i] <= TAPE_skip_eq;
}

/* The operands of an instruction other than its list, and the list. */
static int tape_operands(const tape_maker *m, int64_t i, const int32_t **list, int64_t *length) {
    const int32_t *row = m->rows + 5 * i;
    *length = 0;
    *list = NULL;
    if (row[0] == TAPE_take || row[0] == TAPE_call) {
        int32_t which = row[2];
        *list = m->lists + m->starts[which];
        *length = m->starts[which + 1] - m->starts[which];
        return row[0] == TAPE_take ? 1 : 0;
    }
    if (row[0] >= TAPE_select_lt && row[0] <= TAPE_select_eq) return 4;
    if (row[0] <= TAPE_div || row[0] == TAPE_copysign || tape_is_skip(m, i) ||
        (row[0] >= TAPE_pow && row[0] <= TAPE_atan2))
        return 2;
    return 1;
}

static int64_t tape_producer(const tape_maker *m, int32_t x) { return x < m->inputs ? -1 : x - m->inputs; }

static int tape_is_absorbed(const tape_maker *m, int32_t x) {
    int64_t p = tape_producer(m, x);
    return p >= 0 && (m->fate[p] & TAPE_ABSORBED);
}

/* The operation that runs for instruction i, and its operands, those of what it absorbs in their stead. */
static int tape_form(const tape_maker *m, int64_t i, int32_t *x, int *operands) {
    const int32_t *row = m->rows + 5 * i, *p, *q;
    int op = row[0], left, right;
    memcpy(x, row + 1, 4 * sizeof *x);
    if (!(m->fate[i] & TAPE_ABSORBS)) return op;
    left = tape_is_absorbed(m, row[1]);
    right = tape_is_absorbed(m, row[2]);
    if (left && right) {
        p = m->rows + 5 * tape_producer(m, row[1]);
        q = m->rows + 5 * tape_producer(m, row[2]);
        x[0] = p[1], x[1] = p[2], x[2] = q[1], x[3] = q[2];
        *operands = 4;
        return TAPE_DOT(op);
    }
    p = m->rows + 5 * tape_producer(m, row[left ? 1 : 2]);
    x[0] = p[1], x[1] = p[2], x[2] = row[left ? 2 : 1];
    *operands = 3;
    return TAPE_CHAIN(p[0], !left && op == TAPE_sub ? TAPE_REVERSED : op);
}

/* Whether x can be computed as part of instruction i, its only user: a sum, difference or product of plain operands. */
static int tape_can_absorb(const tape_maker *m, int64_t i, int32_t x, int64_t barrier) {
    int64_t p = tape_producer(m, x);
    if (p < barrier || p < 0 || m->uses[x] != 1 || m->rows[5 * p] > TAPE_mul || (m->fate[p] & ~TAPE_APART))
        return 0;
    if (m->varies[x] != m->varies[m->inputs + i]) return 0;
    return !m->varies[x] || (m->rows[5 * p] == TAPE_mul && m->rows[5 * i] != TAPE_mul);
}

static void tape_count_uses(tape_maker *m, const int32_t *outputs) {
    int64_t i, k, length;
    const int32_t *list;
    for (i = 0; i < m->n; i++) {
        int count = tape_operands(m, i, &list, &length), varies = 0;
        const int32_t *x = m->rows + 5 * i + 1;
        for (k = 0; k < count + length; k++) {
            int32_t v = k < count ? x[k] : list[k - count];
            if (v < 0) continue;
            if (m->uses[v] < 2) m->uses[v]++;
            varies |= m->varies[v];
        }
        m->varies[m->inputs + i] = (uint8_t)varies;
    }
    for (k = 0; k < m->t->outputs_length; k++)
        if (outputs[k] >= 0) m->uses[outputs[k]] = 2;
}

static void tape_absorb(tape_maker *m) {
    int64_t i, barrier = 0;
    for (i = 0; i < m->n; i++) {
        const int32_t *row = m->rows + 5 * i;
        int left, right;
        if (row[0] == TAPE_take || row[0] == TAPE_call || tape_is_skip(m, i)) {
            m->fate[i] |= TAPE_APART;
            m->fate[i + 1] |= TAPE_APART;
            if (tape_is_skip(m, i)) m->fate[i + 1 + row[3]] |= TAPE_APART;
        }
        if (m->fate[i] & TAPE_APART) barrier = i;
        if (row[0] > TAPE_mul) continue;
        left = tape_can_absorb(m, i, row[1], barrier);
        right = tape_can_absorb(m, i, row[2], barrier);
        if (left && right &&
            (row[0] == TAPE_mul || m->rows[5 * tape_producer(m, row[1])] != TAPE_mul ||
             m->rows[5 * tape_producer(m, row[2])] != TAPE_mul)) {
            if (row[1] > row[2]) right = 0; /* what was computed last */
            else left = 0;
        }
        if (left) m->fate[tape_producer(m, row[1])] |= TAPE_ABSORBED;
        if (right) m->fate[tape_producer(m, row[2])] |= TAPE_ABSORBED;
        if (left || right) m->fate[i] |= TAPE_ABSORBS;
    }
}

/* ---- the order: of what can be run as well later or sooner, equals together --------------------------------------- */

#define TAPE_WINDOW 256 /* instructions that are looked at; more would keep too many values waiting */

typedef struct {
    int32_t instruction, pending, users, next_user[4], next;
    uint8_t operation, done;
} tape_entry;

typedef struct {
    tape_entry entries[TAPE_WINDOW];
    int32_t first[2 * TAPE_END], last[2 * TAPE_END], ready[2 * TAPE_END]; /* on single numbers, on lanes */
    int64_t oldest, newest;
} tape_window;

static void tape_make_ready(tape_window *w, int32_t at) {
    int op = w->entries[at].operation;
    w->entries[at].next = -1;
    if (w->ready[op]++) w->entries[w->last[op]].next = at;
    else w->first[op] = at;
    w->last[op] = at;
}

/* Let instruction i into the window.  Until slots are given, `place` has when a value's instruction came in. */
static void tape_enter(tape_maker *m, tape_window *w, int64_t i) {
    int32_t at = (int32_t)(w->newest & (TAPE_WINDOW - 1)), x[4];
    tape_entry *entry = &w->entries[at];
    const int32_t *list;
    int64_t length;
    int k, count = tape_operands(m, i, &list, &length);
    entry->operation = (uint8_t)(tape_form(m, i, x, &count) + TAPE_END * m->varies[m->inputs + i]);
    entry->instruction = (int32_t)i, entry->pending = 0, entry->users = -1, entry->done = 0;
    m->place[m->inputs + i] = (int32_t)w->newest++;
    for (k = 0; k < count; k++) {
        tape_entry *producer;
        if (x[k] < m->inputs || m->place[x[k]] < w->oldest) continue;
        producer = &w->entries[m->place[x[k]] & (TAPE_WINDOW - 1)];
        if (producer->done) continue;
        entry->pending++;
        entry->next_user[k] = producer->users;
        producer->users = 4 * at + k;
    }
    if (!entry->pending) tape_make_ready(w, at);
}

/* Take the next of an operation out of the window. */
static void tape_leave(tape_maker *m, tape_window *w, int op) {
    tape_entry *entry = &w->entries[w->first[op]];
    int32_t user;
    w->first[op] = entry->next;
    w->ready[op]--;
    entry->done = 1;
    m->order[m->ordered++] = entry->instruction;
    for (user = entry->users; user >= 0; user = w->entries[user / 4].next_user[user % 4])
        if (--w->entries[user / 4].pending == 0) tape_make_ready(w, user / 4);
}

static int tape_sort(tape_maker *m, int most) {
    tape_window *w = calloc(1, sizeof *w);
    int64_t i = 0;
    if (w == NULL) return -1;
    for (;;) {
        int op, best = 0, length;
        for (; i < m->n && w->newest - w->oldest < most; i++) {
            if ((m->fate[i] & TAPE_APART) && w->newest > w->oldest) break;
            if (!(m->fate[i] & TAPE_ABSORBED) && (m->skips || !tape_is_skip(m, i))) tape_enter(m, w, i);
        }
        if (w->newest == w->oldest) break;
        for (op = 1; op < 2 * TAPE_END; op++)
            if (w->ready[op] > w->ready[best]) best = op;
        for (length = 0; length < TAPE_LONGEST && w->ready[best]; length++) tape_leave(m, w, best);
        while (w->oldest < w->newest && w->entries[w->oldest & (TAPE_WINDOW - 1)].done) w->oldest++;
    }
    free(w);
    return 0;
}

/* ---- slots ---------------------------------------------------------------------------------------------------------- */

static void tape_find_last_uses(tape_maker *m, const int32_t *outputs) {
    int64_t at, k, length;
    const int32_t *list;
    int32_t x[4];
    for (at = 0; at < m->ordered; at++) {
        int64_t i = m->order[at];
        int count = tape_operands(m, i, &list, &length), varies = m->varies[m->inputs + i];
        tape_form(m, i, x, &count);
        for (k = 0; k < count + length; k++) {
            int32_t v = k < count ? x[k] : list[k - count];
            if (v < 0 || m->last[v] == TAPE_NEVER) continue;
            m->last[v] = varies && !m->varies[v] ? TAPE_NEVER : (int32_t)at;
        }
    }
    for (k = 0; k < m->t->outputs_length; k++)
        if (outputs[k] >= 0) m->last[outputs[k]] = TAPE_NEVER;
}

static int32_t tape_new_slot(tape_maker *m, int varies) {
    tape_stack *vacant = &m->vacant[varies];
    return vacant->length ? vacant->items[--vacant->length] : m->t->slots[varies]++;
}

static int tape_vacate(tape_maker *m, int32_t v) {
    tape_stack *vacant = &m->vacant[m->varies[v]];
    if (tape_reserve(&vacant->items, &vacant->room, vacant->length, 1)) return -1;
    vacant->items[vacant->length++] = m->varies[v] ? ~m->place[v] : m->place[v];
    return 0;
}

static int tape_vacate_last(tape_maker *m, int64_t at, int32_t v) {
    if (v < 0 || m->last[v] != at) return 0;
    m->last[v] = -1; /* the same operand may come twice */
    return tape_vacate(m, v);
}

static int32_t tape_place(const tape_maker *m, int32_t x) { return x < 0 ? -1 - x : m->place[x]; }

/* A slot of lanes for x, which may be a single number. */
static int tape_wide(tape_maker *m, int32_t x, int32_t *slot) {
    tape *t = m->t;
    int32_t place = tape_place(m, x), *wide = &m->wide[x < 0 ? m->inputs + m->n - 1 - x : x];
    if (place < 0) {
        *slot = ~place;
        return 0;
    }
    if (*wide < 0) {
        if (tape_reserve(&t->spread, &t->spread_room, t->spread_length, 2)) return -1;
        *wide = t->slots[1]++;
        t->spread[t->spread_length++] = place;
        t->spread[t->spread_length++] = *wide;
    }
    *slot = *wide;
    return 0;
}

static void tape_swap(int32_t *a, int32_t *b) {
    int32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* The operation on lanes, and its operands as slots, of single numbers where it takes them. */
static int tape_lane_form(tape_maker *m, int op, int count, int32_t *x, int32_t *slots) {
    int k, single[4], mixed = 0;
    for (k = 0; k < count; k++) single[k] = tape_place(m, x[k]) >= 0;
    if (op <= TAPE_div && (single[0] || single[1])) {
        if (single[0] && (op == TAPE_add || op == TAPE_mul)) {
            tape_swap(&x[0], &x[1]);
            single[0] = 0, single[1] = 1;
        }
        op = TAPE_MIXED(op, single[0] ? 1 : 2);
        mixed = 1;
    } else if (op >= TAPE_COUNT) {
        for (k = 0; k < (count == 4 ? 4 : 2); k += 2)
            if (single[k + 1]) {
                tape_swap(&x[k], &x[k + 1]);
                single[k] = 1, single[k + 1] = 0;
            }
        if (count == 3) op = TAPE_LANE_CHAIN(op - TAPE_CHAIN(TAPE_mul, 0), single[0] + 2 * single[2]);
        else op = TAPE_LANE_DOT(op - TAPE_DOT(0), single[0] + 2 * single[2]);
        mixed = 1;
    }
    for (k = 0; k < count; k++) {
        if (mixed && single[k]) slots[k] = tape_place(m, x[k]);
        else if (tape_wide(m, x[k], &slots[k])) return -1;
    }
    return op;
}

static int tape_has_runs(int op) {
    return op <= TAPE_neg || (op >= TAPE_COUNT && op < TAPE_END) || (op >= TAPE_select_lt && op <= TAPE_select_eq);
}

/* Whether an operation on single numbers goes on with the run that the code ends with, made longer by one if so. */
static int tape_in_run(tape_maker *m, int op) {
    int32_t *code = m->t->code[0];
    if (m->run_at >= 0 && m->run_of == op && code[m->run_at] < TAPE_RUN(op, TAPE_LONGEST)) {
        code[m->run_at]++;
        return 1;
    }
    m->run_at = tape_has_runs(op) ? m->t->length[0] : -1;
    m->run_of = op;
    return 0;
}

static int tape_emit(tape_maker *m, int64_t at) {
    tape *t = m->t;
    int64_t i = m->order[at];
    const int32_t *row = m->rows + 5 * i, *list;
    int32_t x[4], slots[4], v = (int32_t)(m->inputs + i), *code;
    int varies = m->varies[v], count, op, k;
    int64_t length, j;
    count = tape_operands(m, i, &list, &length);
    op = tape_form(m, i, x, &count);
    if (tape_reserve(&t->code[varies], &t->room[varies], t->length[varies], 8)) return -1;
    if (!varies && (m->fate[i] & TAPE_APART)) m->run_at = -1;
    if (tape_is_skip(m, i)) { /* its target is filled in when it is reached */
        code = t->code[0] + t->length[0];
        code[0] = op, code[1] = tape_place(m, x[0]), code[2] = tape_place(m, x[1]), code[3] = 0, code[4] = row[4] != 0;
        t->length[0] += 5;
        for (k = 0; k < count; k++)
            if (tape_vacate_last(m, at, x[k])) return -1;
        return 0;
    }
    if (length || op == TAPE_take || op == TAPE_call) {
        int32_t *list_at = &m->list_at[row[2]];
        if (*list_at < 0) {
            *list_at = (int32_t)t->lists_length;
            for (j = 0; j < length; j++) t->lists[t->lists_length++] = tape_place(m, list[j]);
        }
        m->place[v] = tape_new_slot(m, varies); /* no operand's, as they are read one by one */
        if (varies) m->place[v] = ~m->place[v];
        code = t->code[varies] + t->length[varies];
        code[0] = op;
        code[1] = varies ? ~m->place[v] : m->place[v];
        if (op == TAPE_call) code[2] = row[1];
        else if (!varies) code[2] = tape_place(m, x[0]);
        else if (tape_wide(m, x[0], &code[2])) return -1;
        code[3] = *list_at;
        code[4] = (int32_t)length;
        t->length[varies] += 5;
        for (j = 0; j < length; j++)
            if (tape_vacate_last(m, at, list[j])) return -1;
        if (count && tape_vacate_last(m, at, x[0])) return -1;
    } else {
        if (varies) {
            op = tape_lane_form(m, op, count, x, slots);
            if (op < 0) return -1;
        } else
            for (k = 0; k < count; k++) slots[k] = tape_place(m, x[k]);
        for (k = 0; k < count; k++)
            if (tape_vacate_last(m, at, x[k])) return -1;
        m->place[v] = tape_new_slot(m, varies);
        if (varies) m->place[v] = ~m->place[v];
        code = t->code[varies] + t->length[varies];
        if (varies || !tape_in_run(m, op)) {
            *code++ = varies || !tape_has_runs(op) ? op : TAPE_RUN(op, 1);
            t->length[varies]++;
        }
        code[0] = varies ? ~m->place[v] : m->place[v];
        memcpy(code + 1, slots, (size_t)count * sizeof *slots);
        t->length[varies] += 1 + count;
    }
    return m->last[v] < 0 ? tape_vacate(m, v) : 0; /* nobody needs it */
}

/* The skips that end before instruction i: how far they jump, in words from their own beginning. */
static int tape_write(tape_maker *m) {
    tape *t = m->t;
    int64_t at, k, *open = NULL, opened = 0, kept, room = 0;
    int failed = 0;
    m->run_at = -1;
    for (at = 0; at <= m->ordered && !failed; at++) {
        int64_t i = at < m->ordered ? m->order[at] : INT64_MAX;
        for (k = kept = 0; k < opened; k += 2) { /* skips that end here, or before: how far they jump */
            if (open[k] <= i) {
                t->code[0][open[k + 1] + 3] = (int32_t)(t->length[0] - open[k + 1]);
                m->run_at = -1;
            } else {
                open[kept] = open[k];
                open[kept + 1] = open[k + 1];
                kept += 2;
            }
        }
        opened = kept;
        if (at == m->ordered) break;
        if (tape_is_skip(m, i)) {
            if (opened + 2 > room) {
                int64_t *grown = realloc(open, (size_t)(room += 64) * sizeof *open);
                if ((failed = grown == NULL)) break;
                open = grown;
            }
            open[opened++] = i + 1 + m->rows[5 * i + 3];
            open[opened++] = t->length[0];
        }
        failed = tape_emit(m, at);
    }
    free(open);
    for (k = 0; k < 2 && !failed; k++) {
        failed = tape_reserve(&t->code[k], &t->room[k], t->length[k], 1);
        if (!failed) t->code[k][t->length[k]++] = TAPE_END;
    }
    return failed ? -1 : 0;
}

/* Whether all operands are there before what uses them, and all that is asked of the program is in it. */
static int tape_check(const tape_maker *m, int64_t constants, const int32_t *outputs, int64_t outputs_length,
                      int64_t lists_count, int64_t rows_count) {
    int64_t i, k, length;
    const int32_t *list;
    for (i = 0; i < m->n; i++) {
        const int32_t *row = m->rows + 5 * i;
        int count;
        if (row[0] < 0 || row[0] >= TAPE_COUNT) return -1;
        if (row[0] == TAPE_take || row[0] == TAPE_call)
            if (row[2] < 0 || row[2] >= lists_count) return -1;
        if (row[0] == TAPE_call && (row[1] < 0 || row[1] >= rows_count)) return -1;
        if (tape_is_skip(m, i) && (row[3] < 0 || row[3] > m->n - 1 - i)) return -1;
        count = tape_operands(m, i, &list, &length);
        for (k = 0; k < count + length; k++) {
            int64_t x = k < count ? row[1 + k] : list[k - count];
            if (x >= m->inputs + i || x < -constants) return -1;
            if (x >= m->inputs && tape_is_skip(m, x - m->inputs)) return -1;
        }
    }
    for (k = 0; k < outputs_length; k++)
        if (outputs[k] >= m->inputs + m->n || outputs[k] < -constants ||
            (outputs[k] >= m->inputs && tape_is_skip(m, outputs[k] - m->inputs)))
            return -1;
    return 0;
}

/* The tape of a program whose inputs vary from point to point where `varying` says so; NULL without memory, or
   with `wrong` set for what is no program. */
static tape *tape_make(const int32_t *rows, int64_t n, int64_t inputs, const double *constants, int64_t constants_length,
                       const int32_t *outputs, int64_t outputs_length, const int32_t *lists, const int64_t *starts,
                       int64_t lists_count, int64_t rows_count, const uint8_t *varying, int *wrong) {
    tape *t = calloc(1, sizeof *t);
    tape_maker maker = {0}, *m = &maker;
    int64_t values = inputs + n, k;
    int varies = 0, failed = 1;
    if (t == NULL) return NULL;
    m->t = t, m->rows = rows, m->n = n, m->inputs = inputs, m->lists = lists, m->starts = starts;
    *wrong = tape_check(m, constants_length, outputs, outputs_length, lists_count, rows_count);
    if (*wrong) goto done;
    for (k = 0; k < inputs; k++) varies |= varying[k];
    m->last = malloc((size_t)(values + 1) * sizeof *m->last);
    m->place = malloc((size_t)(values + 1) * sizeof *m->place);
    m->list_at = malloc((size_t)(lists_count + 1) * sizeof *m->list_at);
    m->uses = calloc((size_t)values + 1, 1);
    m->varies = calloc((size_t)values + 1, 1);
    m->fate = calloc((size_t)n + 2, 1);
    m->order = malloc((size_t)(n + 1) * sizeof *m->order);
    if (varies) m->wide = malloc((size_t)(values + constants_length + 1) * sizeof *m->wide);
    t->inputs = malloc((size_t)(inputs + 1) * sizeof *t->inputs);
    t->outputs = malloc((size_t)(outputs_length + 1) * sizeof *t->outputs);
    t->constants = malloc((size_t)(constants_length + 1) * sizeof *t->constants);
    t->lists = malloc((size_t)(starts[lists_count] + 1) * sizeof *t->lists);
    if (!m->last || !m->place || !m->list_at || !m->uses || !m->varies || !m->fate || !m->order || (varies && !m->wide) ||
        !t->inputs || !t->outputs || !t->constants || !t->lists)
        goto done;
    for (k = 0; k < values; k++) m->last[k] = -1;
    for (k = 0; k < lists_count; k++) m->list_at[k] = -1;
    if (varies)
        for (k = 0; k < values + constants_length; k++) m->wide[k] = -1;
    memcpy(t->constants, constants, (size_t)constants_length * sizeof *constants);
    t->constants_length = constants_length;
    t->inputs_length = inputs;
    t->outputs_length = outputs_length;
    t->slots[0] = (int32_t)constants_length;
    for (k = 0; k < inputs; k++) {
        m->varies[k] = varying[k] != 0;
        m->place[k] = t->slots[m->varies[k]]++;
        if (m->varies[k]) m->place[k] = ~m->place[k];
        t->inputs[k] = m->place[k];
    }
    tape_count_uses(m, outputs);
    m->skips = !varies;
    tape_absorb(m);
    /* a jump is soon done beside an operation on 32 lanes, whose values must stay in the cache */
    if (tape_sort(m, varies ? 1 : TAPE_WINDOW)) goto done;
    tape_find_last_uses(m, outputs);
    if (tape_write(m)) goto done;
    for (k = 0; k < outputs_length; k++) t->outputs[k] = tape_place(m, outputs[k]);
    failed = 0;
done:
    free(m->last);
    free(m->place);
    free(m->wide);
    free(m->list_at);
    free(m->uses);
    free(m->varies);
    free(m->fate);
    free(m->order);
    free(m->vacant[0].items);
    free(m->vacant[1].items);
    if (failed) {
        tape_free(t);
        return NULL;
    }
    return t;
}
