/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's ABI as the binary of 10.0 has it on x86-64. See abi-11.1.h for what each name means.
 */

struct VMStateInfo {
    const char *name;
    int (*get)(QEMUFile *, void *, size_t, const VMStateField *);
    int (*put)(QEMUFile *, void *, size_t, const VMStateField *, JSONWriter *);
};

/* Run-time counts and sizes have no width of their own: the flags say it. */
struct VMStateField {
    const char *name, *err_hint;
    size_t offset, size, start;
    int num;
    size_t num_offset, size_offset;
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
    int (*post_load)(void *, int);
    int (*pre_save)(void *);
    int (*post_save)(void *);
    bool (*needed)(void *);
    bool (*dev_unplug_pending)(void *);
    const VMStateField *fields;
    const VMStateDescription *const *subsections;
};

_Static_assert(sizeof(VMStateField) == 0x68, "VMStateField is not 10.0's");
_Static_assert(offsetof(VMStateDescription, fields) == 0x48, "VMStateDescription is not 10.0's");

enum { VMS_END = 0x10000 };

enum { ABI_PRINTS = true };

#define ABI_LOAD "vmstate_load_state"
#define ABI_SAVE "vmstate_save_state_with_err"
typedef int AbiLoad(QEMUFile *, const VMStateDescription *, void *, int);
typedef int AbiSave(QEMUFile *, const VMStateDescription *, void *, JSONWriter *, Error **);

static inline int abi_load(AbiLoad *load, QEMUFile *f, const VMStateDescription *vmsd, void *opaque,
                           int version, Error **errp)
{
    (void)errp;
    return load(f, vmsd, opaque, version);
}

/* Whoever saves a section takes any number but 0 for a failure. */
static inline int abi_save(AbiSave *save, QEMUFile *f, const VMStateDescription *vmsd, void *opaque,
                           JSONWriter *vmdesc, Error **errp)
{
    return save(f, vmsd, opaque, vmdesc, errp) ? -1 : 0;
}

static inline void abi_indirect(VMStateField *field, size_t size_at, int size_width, size_t num_at,
                                int num_width)
{
    (void)size_width;
    (void)num_width;
    field->size_offset = size_at;
    field->num_offset = num_at;
}

#define ABI_STAND_IN(ours, real, up, down)                                                               \
    static int ours##_get(QEMUFile *f, void *at, size_t size, const VMStateField *field)                 \
    {                                                                                                    \
        int result = (real)->get(f, up(at), size, field);                                                \
        down(at);                                                                                        \
        return result;                                                                                   \
    }                                                                                                    \
    static int ours##_put(QEMUFile *f, void *at, size_t size, const VMStateField *field,                 \
                          JSONWriter *vmdesc)                                                            \
    {                                                                                                    \
        int result = (real)->put(f, up(at), size, field, vmdesc);                                        \
        down(NULL);                                                                                      \
        return result;                                                                                   \
    }                                                                                                    \
    static const VMStateInfo *ours(void)                                                                 \
    {                                                                                                    \
        static VMStateInfo info;                                                                         \
        info = (VMStateInfo){.name = (real)->name, .get = ours##_get, .put = ours##_put};                \
        return &info;                                                                                    \
    }
