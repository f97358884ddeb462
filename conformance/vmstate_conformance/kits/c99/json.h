/* SPDX-License-Identifier: CC0-1.0
 *
 * As much JSON as a testee needs: one line in, a tree out; and text put together for the answer.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonKind;

/* A value. `text` is a string's content or a number's digits; children hang on `first`, each with its
 * `key` where the parent is an object, in their order. */
typedef struct Json {
    JsonKind kind;
    const char *key, *text;
    struct Json *first, *next;
    size_t count;
} Json;

/* Read one value; NULL where the line is no JSON. All values live until the next call. */
const Json *json_read(const char *line);
void json_forget(void);
/* The member of an object, or NULL. */
const Json *json_get(const Json *object, const char *key);
/* The item of an array, or NULL. */
const Json *json_at(const Json *array, size_t index);
const char *json_text(const Json *value, const char *otherwise);
/* A number, or a string of decimal digits; wraps as C does. */
int64_t json_int(const Json *value, int64_t otherwise);
uint64_t json_uint(const Json *value, uint64_t otherwise);
/* Whether an array of strings holds this one. */
bool json_has(const Json *array, const char *text);

/* Text that grows. */
typedef struct {
    char *text;
    size_t length, room;
} Text;

#ifdef __GNUC__
__attribute__((__format__(__printf__, 2, 3)))
#endif
void text_put(Text *, const char *format, ...);
void text_hex(Text *, const uint8_t *bytes, size_t size);
/* A string with its quotes. */
void text_quoted(Text *, const char *string);

#endif
