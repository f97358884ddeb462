/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's ABI as the binary of 11.1.3 has it on x86-64: facts of its layout, in our words. Each
 * `abi-VERSION.h` has the same types and functions; the rest of the adapter knows no version.
 */

/* Codecs have both kinds of functions: the older return a number, the newer make an Error. */
struct VMStateInfo {
    const char *name;
    int (*get)(QEMUFile *, void *, size_t, const VMStateField *);
    int (*put)(QEMUFile *, void *, size_t, const VMStateField *, JSONWriter *);
    bool (*load)(QEMUFile *, void *, size_t, const VMStateField *, Error **);
    bool (*save)(QEMUFile *, void *, size_t, const VMStateField *, JSONWriter *, Error **);
};

/* Where a run-time count or size is in the object, and how many bytes wide; width 0: there is none. */
typedef struct {
    uint32_t offset;
    uint8_t width;
} Indirect;

struct VMStateField {
    const char *name;
    size_t offset, size;
    Indirect size_indirect, num_indirect;
    size_t start;
    int num;
    const VMStateInfo *info;
    uint32_t flags;
    const VMStateDescription *vmsd;
    int version_id, struct_version_id;
    bool (*field_exists)(void *, int);
};

struct VMStateDescription {
    const char *name;
    bool unmigratable, early_setup;
    int version_id, minimum_version_id, priority;
    int (*pre_load)(void *);
    bool (*pre_load_errp)(void *, Error **);
    int (*post_load)(void *, int);
    bool (*post_load_errp)(void *, int, Error **);
    int (*pre_save)(void *);
    bool (*pre_save_errp)(void *, Error **);
    void (*post_save)(void *);
    bool (*needed)(void *);
    bool (*dev_unplug_pending)(void *);
    const VMStateField *fields;
    const VMStateDescription *const *subsections;
};

_Static_assert(sizeof(VMStateField) == 0x60, "VMStateField is not 11.1.3's");
_Static_assert(offsetof(VMStateDescription, fields) == 0x60, "VMStateDescription is not 11.1.3's");

enum { VMS_END = 0x20000 };

/* Whether errors are printed, so that what is printed belongs to the answer. */
enum { ABI_PRINTS = false };

#define ABI_LOAD "vmstate_load_vmsd"
#define ABI_SAVE "vmstate_save_vmsd"
typedef bool AbiLoad(QEMUFile *, const VMStateDescription *, void *, int, Error **);
typedef bool AbiSave(QEMUFile *, const VMStateDescription *, void *, JSONWriter *, Error **);

/* Load and save; a negative number where the engine refuses. */
static inline int abi_load(AbiLoad *load, QEMUFile *f, const VMStateDescription *vmsd, void *opaque,
                           int version, Error **errp)
{
    return load(f, vmsd, opaque, version, errp) ? 0 : -1;
}

static inline int abi_save(AbiSave *save, QEMUFile *f, const VMStateDescription *vmsd, void *opaque,
                           JSONWriter *vmdesc, Error **errp)
{
    return save(f, vmsd, opaque, vmdesc, errp) ? 0 : -1;
}

/* Say where a field's run-time size and count are. */
static inline void abi_indirect(VMStateField *field, size_t size_at, int size_width, size_t num_at,
                                int num_width)
{
    field->size_indirect = (Indirect){(uint32_t)size_at, (uint8_t)size_width};
    field->num_indirect = (Indirect){(uint32_t)num_at, (uint8_t)num_width};
}

/* A codec that hands another object to the real one and takes it back: see `stand_in` in engine.c. */
#define ABI_STAND_IN(ours, real, up, down)                                                               \
    static bool ours##_load(QEMUFile *f, void *at, size_t size, const VMStateField *field, Error **errp) \
    {                                                                                                    \
        bool good = (real)->load(f, up(at), size, field, errp);                                          \
        down(at);                                                                                        \
        return good;                                                                                     \
    }                                                                                                    \
    static bool ours##_save(QEMUFile *f, void *at, size_t size, const VMStateField *field,               \
                            JSONWriter *vmdesc, Error **errp)                                            \
    {                                                                                                    \
        bool good = (real)->save(f, up(at), size, field, vmdesc, errp);                                  \
        down(NULL);                                                                                      \
        return good;                                                                                     \
    }                                                                                                    \
    static const VMStateInfo *ours(void)                                                                 \
    {                                                                                                    \
        static VMStateInfo info;                                                                         \
        info = (VMStateInfo){.name = (real)->name, .load = ours##_load, .save = ours##_save};            \
        return &info;                                                                                    \
    }
