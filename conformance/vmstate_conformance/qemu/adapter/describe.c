/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptions out of lines of text:
 *
 *   desc N NAME VERSION MINIMUM PRE_LOAD POST_LOAD PRE_SAVE NEEDED HAS_SUBSECTIONS
 *   field D NAME OFFSET SIZE SIZE_OFFSET SIZE_WIDTH NUM_OFFSET NUM_WIDTH START NUM INFO FLAGS VMSD KEY
 *         VERSION STRUCT_VERSION EXISTS
 *   sub D CHILD
 *   pred N TOKEN…      postfix: c0 c1 (constant), vN (version at least N), mOFFSET:SIZE:SIGNED:eq|ge:VALUE,
 *                      not, allN, anyN (of the last N)
 *
 * Names are hex, "-" stands for none. C callbacks carry no data of their own, so that a pool of functions,
 * each with its number built in, stands between a description and its predicates and hooks.
 */
#include "adapter.h"

#include <stdlib.h>
#include <string.h>

enum { DESCS = 128, FIELDS = 128, SUBS = 64, PREDS = 256, TOKENS = 256 };

typedef struct {
    VMStateDescription it;
    VMStateField fields[FIELDS + 1];
    const VMStateDescription *subs[SUBS + 1];
    int n_fields, n_subs, pre_load, post_load, pre_save, needed;
    bool used;
} Desc;

typedef struct {
    char kind; /* c v m ! & | */
    bool is_signed, ge;
    int offset, size;
    int64_t value;
    bool huge; /* an unsigned value above INT64_MAX */
} Token;

static Desc descs[DESCS];
/* A gtree's vmsd is an array {value, key}: copies, made when all descriptions are known. */
static VMStateDescription pairs[FIELDS][2];
static struct {
    VMStateField *field;
    int value, key;
} pending[FIELDS];
static int n_pending;
static Token preds[PREDS][TOKENS];
static int lengths[PREDS];

char *next_word(Words *words)
{
    char *word = words->at + strspn(words->at, " \n");
    char *end = word + strcspn(word, " \n");
    words->at = *end ? end + 1 : end;
    *end = 0;
    return word;
}

long long next_number(Words *words)
{
    return strtoll(next_word(words), NULL, 10);
}

size_t next_bytes(Words *words, uint8_t **bytes)
{
    const char *hex = next_word(words);
    size_t size = *hex == '-' ? 0 : strlen(hex) / 2;
    *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        (*bytes)[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    (*bytes)[size] = 0;
    return size;
}

static char *next_name(Words *words)
{
    uint8_t *name;
    next_bytes(words, &name);
    return (char *)name;
}

/* ---- predicates ---- */

static bool compare(const Token *token, const char *object)
{
    uint64_t raw = 0;
    memcpy(&raw, object + token->offset, (size_t)token->size);
    if (token->is_signed) {
        int shift = 64 - 8 * token->size;
        int64_t held = (int64_t)(raw << shift) >> shift;
        if (token->huge) {
            return false;
        }
        return token->ge ? held >= token->value : held == token->value;
    }
    if (!token->huge && token->value < 0) {
        return token->ge;
    }
    return token->ge ? raw >= (uint64_t)token->value : raw == (uint64_t)token->value;
}

static bool holds(int number, const void *object, int version)
{
    bool stack[TOKENS + 1] = {false};
    int top = 0;
    for (int i = 0; i < lengths[number]; i++) {
        const Token *token = &preds[number][i];
        bool value = false;
        switch (token->kind) {
        case 'c':
            value = token->value;
            break;
        case 'v':
            value = version >= token->value;
            break;
        case 'm':
            value = compare(token, object);
            break;
        case '!':
            value = !stack[--top];
            break;
        case '&':
            value = true;
            for (int n = 0; n < token->value; n++) {
                value &= stack[--top];
            }
            break;
        case '|':
            for (int n = 0; n < token->value; n++) {
                value |= stack[--top];
            }
            break;
        }
        stack[top++] = value;
    }
    return stack[0];
}

static void pred_line(Words *words)
{
    int number = (int)next_number(words);
    char *word;
    if (number < 0 || number >= PREDS) {
        die("adapter", "too many predicates");
    }
    lengths[number] = 0;
    while (*(word = next_word(words))) {
        Token token = {.kind = *word};
        char how[3] = "", value[32] = "";
        int is_signed = 0;
        if (!strcmp(word, "not")) {
            token.kind = '!';
        } else if (!strncmp(word, "all", 3) || !strncmp(word, "any", 3)) {
            token.kind = word[1] == 'l' ? '&' : '|';
            token.value = atoi(word + 3);
        } else if (*word == 'm') {
            sscanf(word + 1, "%d:%d:%d:%2[a-z]:%31s", &token.offset, &token.size, &is_signed, how, value);
            token.is_signed = is_signed;
            token.ge = !strcmp(how, "ge");
            token.huge = *value != '-' && strtoull(value, NULL, 10) > INT64_MAX;
            token.value = token.huge ? (int64_t)strtoull(value, NULL, 10) : strtoll(value, NULL, 10);
        } else {
            token.value = strtoll(word + 1, NULL, 10);
        }
        if (lengths[number] == TOKENS) {
            die("adapter", "a predicate of too many parts");
        }
        preds[number][lengths[number]++] = token;
    }
}

/* ---- the pools ---- */

static const char *last_hook = "";
static int last_returned;

static int hook(const char *which, int returned)
{
    if (returned) {
        last_hook = which;
        last_returned = returned;
    }
    return returned;
}

const char *describe_hook(int *returned)
{
    *returned = last_returned;
    return last_hook;
}

#define POOL16(X, n)                                                                                     \
    X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7)                                      \
    X(n##8) X(n##9) X(n##a) X(n##b) X(n##c) X(n##d) X(n##e) X(n##f)
#define POOL128(X)                                                                                       \
    POOL16(X, 0x0) POOL16(X, 0x1) POOL16(X, 0x2) POOL16(X, 0x3)                                          \
    POOL16(X, 0x4) POOL16(X, 0x5) POOL16(X, 0x6) POOL16(X, 0x7)
#define POOL256(X)                                                                                       \
    POOL128(X) POOL16(X, 0x8) POOL16(X, 0x9) POOL16(X, 0xa) POOL16(X, 0xb)                               \
    POOL16(X, 0xc) POOL16(X, 0xd) POOL16(X, 0xe) POOL16(X, 0xf)

#define EXISTS(n) static bool exists_##n(void *o, int v) { return holds(n, o, v); }
#define NEEDED(n) static bool needed_##n(void *o) { return holds(descs[n].needed, o, 0); }
#define PRE_LOAD(n) static int pre_load_##n(void *o) { (void)o; return hook("pre", descs[n].pre_load); }
#define POST_LOAD(n)                                                                                     \
    static int post_load_##n(void *o, int v)                                                             \
    {                                                                                                    \
        (void)o;                                                                                         \
        (void)v;                                                                                         \
        return hook("post", descs[n].post_load);                                                         \
    }
#define PRE_SAVE(n) static int pre_save_##n(void *o) { (void)o; return hook("save", descs[n].pre_save); }
POOL256(EXISTS)
POOL128(NEEDED)
POOL128(PRE_LOAD)
POOL128(POST_LOAD)
POOL128(PRE_SAVE)

#define NAME_EXISTS(n) exists_##n,
#define NAME_NEEDED(n) needed_##n,
#define NAME_PRE_LOAD(n) pre_load_##n,
#define NAME_POST_LOAD(n) post_load_##n,
#define NAME_PRE_SAVE(n) pre_save_##n,
static bool (*const exists_pool[])(void *, int) = {POOL256(NAME_EXISTS)};
static bool (*const needed_pool[])(void *) = {POOL128(NAME_NEEDED)};
static int (*const pre_load_pool[])(void *) = {POOL128(NAME_PRE_LOAD)};
static int (*const post_load_pool[])(void *, int) = {POOL128(NAME_POST_LOAD)};
static int (*const pre_save_pool[])(void *) = {POOL128(NAME_PRE_SAVE)};

/* ---- descriptions ---- */

static Desc *desc_at(long long number)
{
    if (number < 0 || number >= DESCS) {
        die("adapter", "too many descriptions");
    }
    return &descs[number];
}

static bool next_hook(Words *words, int *value)
{
    const char *word = next_word(words);
    *value = atoi(word);
    return strcmp(word, "-");
}

static void desc_line(Words *words)
{
    long long number = next_number(words);
    Desc *desc = desc_at(number);
    desc->used = true;
    desc->it.name = next_name(words);
    desc->it.version_id = (int)next_number(words);
    desc->it.minimum_version_id = (int)next_number(words);
    desc->it.pre_load = next_hook(words, &desc->pre_load) ? pre_load_pool[number] : NULL;
    desc->it.post_load = next_hook(words, &desc->post_load) ? post_load_pool[number] : NULL;
    desc->it.pre_save = next_hook(words, &desc->pre_save) ? pre_save_pool[number] : NULL;
    desc->it.needed = next_hook(words, &desc->needed) ? needed_pool[number] : NULL;
    desc->it.fields = desc->fields;
    desc->it.subsections = next_number(words) ? desc->subs : NULL;
    desc->fields[0].flags = VMS_END;
}

static void field_line(Words *words)
{
    Desc *desc = desc_at(next_number(words));
    if (desc->n_fields == FIELDS) {
        die("adapter", "a description of too many fields");
    }
    VMStateField *field = &desc->fields[desc->n_fields++];
    *field = (VMStateField){.name = next_name(words)};
    field->offset = (size_t)next_number(words);
    field->size = strtoull(next_word(words), NULL, 10);
    size_t size_at = (size_t)next_number(words);
    int size_width = (int)next_number(words);
    size_t num_at = (size_t)next_number(words);
    abi_indirect(field, size_at, size_width, num_at, (int)next_number(words));
    field->start = (size_t)next_number(words);
    field->num = (int)next_number(words);
    const char *info = next_word(words);
    if (strcmp(info, "-") && !(field->info = engine_info(info))) {
        die("unsupported", info);
    }
    field->flags = (uint32_t)next_number(words);
    int value, key;
    if (next_hook(words, &value)) {
        field->vmsd = &desc_at(value)->it;
    }
    if (next_hook(words, &key)) {
        if (n_pending == FIELDS) {
            die("adapter", "too many trees");
        }
        pending[n_pending].field = field;
        pending[n_pending].value = value;
        pending[n_pending++].key = key;
    }
    field->version_id = (int)next_number(words);
    field->struct_version_id = (int)next_number(words);
    int exists;
    if (next_hook(words, &exists)) {
        field->field_exists = exists_pool[exists];
    }
    desc->fields[desc->n_fields] = (VMStateField){.flags = VMS_END};
}

void describe_reset(void)
{
    for (int i = 0; i < DESCS; i++) {
        if (descs[i].used) {
            memset(&descs[i], 0, sizeof descs[i]);
        }
    }
    n_pending = 0;
    last_hook = "";
    last_returned = 0;
}

bool describe_line(const char *verb, Words *words)
{
    if (!strcmp(verb, "desc")) {
        desc_line(words);
    } else if (!strcmp(verb, "field")) {
        field_line(words);
    } else if (!strcmp(verb, "pred")) {
        pred_line(words);
    } else if (!strcmp(verb, "sub")) {
        Desc *desc = desc_at(next_number(words));
        if (desc->n_subs == SUBS) {
            die("adapter", "too many subsections");
        }
        desc->subs[desc->n_subs++] = &desc_at(next_number(words))->it;
    } else {
        return false;
    }
    return true;
}

const VMStateDescription *describe_get(int number)
{
    for (int i = 0; i < n_pending; i++) {
        pairs[i][0] = descs[pending[i].value].it;
        pairs[i][1] = descs[pending[i].key].it;
        pending[i].field->vmsd = pairs[i];
    }
    return &desc_at(number)->it;
}
