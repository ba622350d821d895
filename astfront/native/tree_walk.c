/* A walk over a tree of a known type: see tree_walker.py, whose Python does the same.
 *
 * A plan has what a TreeType says. Walking gives the tree's columns, or None for a tree that isn't of
 * that type, and for whatever else isn't quite as expected: Python looks at it then.
 */
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdint.h>

/* What nodes of a kind are, as tree_walker.py numbers them. */
enum { SEQUENCE, DICT, OBJECT, ARRAY, GENERIC, VARIABLE, BOOL, INT, FLOAT, STATIC };

/* What is in a column. */
enum { LEAF, ROW, KIND };

typedef struct {
  PyTypeObject *cls;
  /* Of the class when the plan was made: a class that's changed has another one. */
  unsigned int version;
  int what;
  /* Of a node with parts: their keys, the lengths of those that are lists (or -1), and the sets of
   * kinds that they may be of. */
  PyObject *keys;
  Py_ssize_t parts, *lengths;
  uint64_t *possible;
  /* Of a leaf: the static object or the name of a Variable, and the type of an array. */
  PyObject *value, *requires_grad;
  PyArray_Descr *dtype;
  int ndim;
  npy_intp shape[NPY_MAXDIMS];
} Kind;

typedef struct {
  int kind, key, what;
} Column;

typedef struct {
  Py_ssize_t kinds, columns;
  Kind *kind;
  Column *column;
  int root;
} Plan;

/* A node's kind and its row. */
typedef struct {
  npy_int64 kind, row;
} Place;

/* The rows of a kind: leaves, or the places of the parts of each node. */
typedef struct {
  Py_ssize_t count, capacity;
  void *items;
} Rows;

/* Nodes that were met before, by address: an object may be a part of several. */
typedef struct {
  PyObject *node;
  Place place;
} Seen;

typedef struct {
  const Plan *plan;
  Rows *rows;
  Seen *seen;
  size_t seen_count, seen_capacity;
} Walk;

static PyObject *array_name, *name_name, *requires_grad_name;

static Seen *find_seen(Walk *walk, PyObject *node) {
  size_t mask = walk->seen_capacity - 1, at = ((uintptr_t)node >> 4) * 0x9E3779B1u & mask;
  while (walk->seen[at].node && walk->seen[at].node != node) at = (at + 1) & mask;
  return &walk->seen[at];
}

static int add_seen(Walk *walk, PyObject *node, Place place) {
  if (2 * (walk->seen_count + 1) > walk->seen_capacity) {
    Seen *old = walk->seen;
    size_t count = walk->seen_capacity;
    walk->seen_capacity = count ? 2 * count : 64;
    walk->seen = PyMem_Calloc(walk->seen_capacity, sizeof(Seen));
    if (!walk->seen) {
      walk->seen = old;
      walk->seen_capacity = count;
      return 0;
    }
    for (size_t i = 0; i < count; i++)
      if (old[i].node) *find_seen(walk, old[i].node) = old[i];
    PyMem_Free(old);
  }
  *find_seen(walk, node) = (Seen){node, place};
  walk->seen_count++;
  return 1;
}

/* Make place for one more row. */
static int grow(Rows *rows, size_t size) {
  if (rows->count == rows->capacity) {
    Py_ssize_t capacity = rows->capacity ? 2 * rows->capacity : 32;
    void *items = PyMem_Realloc(rows->items, capacity * (size ? size : 1));
    if (!items) return 0;
    rows->items = items;
    rows->capacity = capacity;
  }
  rows->count++;
  return 1;
}

static int is_array_of(const Kind *kind, PyObject *x) {
  if (Py_TYPE(x) != &PyArray_Type) return 0;
  PyArrayObject *array = (PyArrayObject *)x;
  return PyArray_NDIM(array) == kind->ndim &&
         PyArray_CompareLists(PyArray_DIMS(array), kind->shape, kind->ndim) &&
         (PyArray_DESCR(array) == kind->dtype ||
          PyArray_EquivTypes(PyArray_DESCR(array), kind->dtype));
}

static int attribute_is(PyObject *x, PyObject *name, PyObject *expected) {
  PyObject *found = PyObject_GetAttr(x, name);
  int same = found && PyObject_RichCompareBool(found, expected, Py_EQ) == 1;
  Py_XDECREF(found);
  return same;
}

static int is_variable_of(const Kind *kind, PyObject *x) {
  PyObject *array = PyObject_GetAttr(x, array_name);
  int same = array && is_array_of(kind, array);
  Py_XDECREF(array);
  return same && attribute_is(x, name_name, kind->value) &&
         attribute_is(x, requires_grad_name, kind->requires_grad);
}

/* Whether a dict, or what an object has in its, has a kind's keys in order, and lists of its lengths. */
static int has_parts(const Kind *kind, PyObject *dict) {
  if (!PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) != kind->parts) return 0;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  for (Py_ssize_t i = 0; PyDict_Next(dict, &at, &key, &value); i++) {
    if (i == kind->parts) return 0;
    PyObject *expected = PyTuple_GET_ITEM(kind->keys, i);
    Py_ssize_t length = PyList_CheckExact(value) ? PyList_GET_SIZE(value)
                        : PyTuple_Check(value)   ? PyTuple_GET_SIZE(value)
                                                 : -1;
    if (length != kind->lengths[i]) return 0;
    if (key != expected && PyObject_RichCompareBool(key, expected, Py_EQ) != 1) return 0;
  }
  return 1;
}

/* Whether a node whose class is a kind's is of this kind; ``dict`` is what an object has. */
static int is_of(const Kind *kind, PyObject *x, PyObject *dict) {
  int overflow = 0;
  switch (kind->what) {
    case SEQUENCE:
      return Py_SIZE(x) == kind->parts;
    case DICT:
      return has_parts(kind, x);
    case OBJECT:
      return has_parts(kind, dict);
    case ARRAY:
      return is_array_of(kind, x);
    case VARIABLE:
      return is_variable_of(kind, x);
    case INT:
      PyLong_AsLongLongAndOverflow(x, &overflow);
      return !overflow;
    case STATIC:
      return PyObject_RichCompareBool(x, kind->value, Py_EQ) == 1;
    default:
      return 1;
  }
}

static int kind_of(const Walk *walk, PyObject *x, PyObject **dict) {
  PyTypeObject *cls = Py_TYPE(x);
  for (int i = 0; i < walk->plan->kinds; i++) {
    const Kind *kind = &walk->plan->kind[i];
    if (kind->cls != cls) continue;
    if ((cls->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
        (!(cls->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) || cls->tp_version_tag != kind->version))
      return -1;
    if (kind->what == OBJECT && !*dict && !(*dict = PyObject_GenericGetDict(x, NULL))) return -1;
    if (is_of(kind, x, *dict)) return i;
    if (PyErr_Occurred()) return -1;
  }
  return -1;
}

static int visit(Walk *walk, PyObject *x, Place *place);

/* Visit the part of a node that is number ``i``. */
static int visit_part(Walk *walk, Place node, Py_ssize_t i, PyObject *part) {
  const Kind *kind = &walk->plan->kind[node.kind];
  Place place;
  Py_INCREF(part);
  int done = visit(walk, part, &place) && (kind->possible[i] >> place.kind & 1);
  Py_DECREF(part);
  /* Only now: the rows may have moved. */
  if (done) ((Place *)walk->rows[node.kind].items)[node.row * kind->parts + i] = place;
  return done;
}

static int visit_parts(Walk *walk, Place node, PyObject *x) {
  const Py_ssize_t parts = walk->plan->kind[node.kind].parts;
  Py_ssize_t i = 0, at = 0;
  PyObject *key, *value;
  if (PyDict_Check(x)) {
    for (; i < parts && PyDict_Next(x, &at, &key, &value); i++)
      if (!visit_part(walk, node, i, value)) return 0;
    return i == parts;
  }
  for (; i < parts; i++) {
    if (Py_SIZE(x) != parts) return 0; /* another thread changed it */
    value = PyList_Check(x) ? PyList_GET_ITEM(x, i) : PyTuple_GET_ITEM(x, i);
    if (!visit_part(walk, node, i, value)) return 0;
  }
  return 1;
}

static int visit_node(Walk *walk, PyObject *x, PyObject *dict, Place *place) {
  const Kind *kind = &walk->plan->kind[place->kind];
  if (walk->seen_capacity) {
    Seen *seen = find_seen(walk, x);
    if (seen->node) {
      *place = seen->place;
      return 1;
    }
  }
  if (!grow(&walk->rows[place->kind], kind->parts * sizeof(Place))) return 0;
  place->row = walk->rows[place->kind].count - 1;
  if (!add_seen(walk, x, *place) || Py_EnterRecursiveCall(" in a tree")) return 0;
  int done = visit_parts(walk, *place, dict ? dict : x);
  Py_LeaveRecursiveCall();
  return done;
}

static int visit(Walk *walk, PyObject *x, Place *place) {
  PyObject *dict = NULL;
  int number = kind_of(walk, x, &dict), done = 0;
  if (number >= 0) {
    Rows *rows = &walk->rows[number];
    place->kind = number;
    if (walk->plan->kind[number].keys) {
      done = visit_node(walk, x, dict, place);
    } else if (grow(rows, sizeof(PyObject *))) {
      place->row = rows->count - 1;
      ((PyObject **)rows->items)[place->row] = Py_NewRef(x);
      done = 1;
    }
  }
  Py_XDECREF(dict);
  return done;
}

/* Write a leaf into its row of a column. */
static int write_leaf(const Kind *kind, PyObject *leaf, char *to, npy_intp bytes) {
  if (kind->what == BOOL) {
    *(npy_bool *)to = leaf == Py_True;
  } else if (kind->what == INT) {
    *(npy_int64 *)to = PyLong_AsLongLong(leaf);
  } else if (kind->what == FLOAT) {
    *(double *)to = PyFloat_AS_DOUBLE(leaf);
  } else if (kind->what == GENERIC) {
    PyArray_ScalarAsCtype(leaf, to);
  } else {
    PyObject *found = kind->what == ARRAY ? Py_NewRef(leaf) : PyObject_GetAttr(leaf, array_name);
    if (!found) return 0;
    /* Looked at again: another thread may have given a Variable another one. */
    PyArrayObject *array = is_array_of(kind, found)
                               ? (PyArrayObject *)PyArray_FROM_OF(found, NPY_ARRAY_IN_ARRAY)
                               : NULL;
    Py_DECREF(found);
    if (!array) return 0;
    memcpy(to, PyArray_DATA(array), bytes);
    Py_DECREF(array);
  }
  return 1;
}

static PyObject *leaves(const Kind *kind, const Rows *rows) {
  npy_intp shape[NPY_MAXDIMS + 1] = {rows->count};
  memcpy(shape + 1, kind->shape, kind->ndim * sizeof(npy_intp));
  Py_INCREF(kind->dtype);
  PyObject *made = PyArray_SimpleNewFromDescr(kind->ndim + 1, shape, kind->dtype);
  if (!made || !rows->count) return made;
  char *to = PyArray_BYTES((PyArrayObject *)made);
  const npy_intp bytes = PyArray_NBYTES((PyArrayObject *)made) / rows->count;
  for (Py_ssize_t i = 0; i < rows->count; i++) {
    if (!write_leaf(kind, ((PyObject **)rows->items)[i], to + i * bytes, bytes)) {
      Py_DECREF(made);
      return NULL;
    }
  }
  return made;
}

static PyObject *column_of(const Walk *walk, const Column *column) {
  const Kind *kind = &walk->plan->kind[column->kind];
  const Rows *rows = &walk->rows[column->kind];
  if (column->what == LEAF) return leaves(kind, rows);
  npy_intp count = rows->count;
  PyObject *made = PyArray_SimpleNew(1, &count, NPY_INT64);
  if (!made) return NULL;
  npy_int64 *to = PyArray_DATA((PyArrayObject *)made);
  const Place *from = (const Place *)rows->items + column->key;
  for (npy_intp i = 0; i < count; i++, from += kind->parts)
    to[i] = column->what == ROW ? from->row : from->kind;
  return made;
}

static PyObject *columns_of(const Walk *walk) {
  PyObject *made = PyTuple_New(walk->plan->columns);
  for (Py_ssize_t i = 0; made && i < walk->plan->columns; i++) {
    PyObject *column = column_of(walk, &walk->plan->column[i]);
    if (column)
      PyTuple_SET_ITEM(made, i, column);
    else
      Py_CLEAR(made);
  }
  return made;
}

static void end(Walk *walk) {
  for (Py_ssize_t i = 0; walk->rows && i < walk->plan->kinds; i++) {
    Rows *rows = &walk->rows[i];
    if (!walk->plan->kind[i].keys)
      for (Py_ssize_t j = 0; j < rows->count; j++) Py_DECREF(((PyObject **)rows->items)[j]);
    PyMem_Free(rows->items);
  }
  PyMem_Free(walk->rows);
  PyMem_Free(walk->seen);
}

static const char PLAN[] = "astfront.tree_walk.plan";

static PyObject *walk_tree(PyObject *module, PyObject *const *args, Py_ssize_t count) {
  const Plan *plan = count == 2 ? PyCapsule_GetPointer(args[0], PLAN) : NULL;
  if (!plan) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "walk(plan, x)");
    return NULL;
  }
  Walk walk = {.plan = plan, .rows = PyMem_Calloc(plan->kinds, sizeof(Rows))};
  Place root;
  PyObject *made = NULL;
  if (walk.rows && visit(&walk, args[1], &root) && root.kind == plan->root) made = columns_of(&walk);
  end(&walk);
  if (made) return made;
  PyErr_Clear();
  Py_RETURN_NONE;
}

/* --- plans ------------------------------------------------------------------------------------- */

static void free_plan(Plan *plan) {
  for (Py_ssize_t i = 0; plan->kind && i < plan->kinds; i++) {
    Kind *kind = &plan->kind[i];
    Py_XDECREF(kind->cls);
    Py_XDECREF(kind->keys);
    Py_XDECREF(kind->value);
    Py_XDECREF(kind->requires_grad);
    Py_XDECREF(kind->dtype);
    PyMem_Free(kind->lengths);
    PyMem_Free(kind->possible);
  }
  PyMem_Free(plan->kind);
  PyMem_Free(plan->column);
  PyMem_Free(plan);
}

static void free_capsule(PyObject *capsule) { free_plan(PyCapsule_GetPointer(capsule, PLAN)); }

static int read_parts(Kind *kind, PyObject *keys, PyObject *lengths, PyObject *possible) {
  if (keys == Py_None) return 1;
  if (!PyTuple_Check(keys) || !PyTuple_Check(lengths) || !PyTuple_Check(possible)) return 0;
  kind->keys = Py_NewRef(keys);
  kind->parts = PyTuple_GET_SIZE(keys);
  kind->lengths = PyMem_Calloc(kind->parts + 1, sizeof(Py_ssize_t));
  kind->possible = PyMem_Calloc(kind->parts + 1, sizeof(uint64_t));
  if (!kind->lengths || !kind->possible || PyTuple_GET_SIZE(possible) != kind->parts) return 0;
  for (Py_ssize_t i = 0; i < kind->parts; i++) {
    kind->lengths[i] =
        i < PyTuple_GET_SIZE(lengths) ? PyLong_AsSsize_t(PyTuple_GET_ITEM(lengths, i)) : -1;
    kind->possible[i] = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(possible, i));
  }
  return !PyErr_Occurred();
}

/* From (class, what, keys, lengths, possible, value, requires_grad, dtype, shape). */
static int read_kind(Kind *kind, PyObject *x) {
  PyObject *cls, *keys, *lengths, *possible, *value, *requires_grad, *shape;
  if (!PyArg_ParseTuple(x, "O!iOOOOOO&O!", &PyType_Type, &cls, &kind->what, &keys, &lengths,
                        &possible, &value, &requires_grad, PyArray_DescrConverter, &kind->dtype,
                        &PyTuple_Type, &shape))
    return 0;
  kind->cls = (PyTypeObject *)Py_NewRef(cls);
  kind->version = kind->cls->tp_version_tag;
  kind->value = Py_NewRef(value);
  kind->requires_grad = Py_NewRef(requires_grad);
  kind->ndim = (int)PyTuple_GET_SIZE(shape);
  if (kind->ndim >= NPY_MAXDIMS) return 0;
  for (int i = 0; i < kind->ndim; i++)
    kind->shape[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i));
  return read_parts(kind, keys, lengths, possible);
}

static PyObject *make_plan(PyObject *module, PyObject *args) {
  PyObject *kinds, *columns;
  Plan *plan = PyMem_Calloc(1, sizeof(Plan));
  if (!plan) return PyErr_NoMemory();
  int done = PyArg_ParseTuple(args, "O!O!i", &PyTuple_Type, &kinds, &PyTuple_Type, &columns,
                              &plan->root);
  if (done) {
    plan->kinds = PyTuple_GET_SIZE(kinds);
    plan->columns = PyTuple_GET_SIZE(columns);
    plan->kind = PyMem_Calloc(plan->kinds + 1, sizeof(Kind));
    plan->column = PyMem_Calloc(plan->columns + 1, sizeof(Column));
    done = plan->kind && plan->column && plan->kinds <= 64;
  }
  for (Py_ssize_t i = 0; done && i < plan->kinds; i++)
    done = read_kind(&plan->kind[i], PyTuple_GET_ITEM(kinds, i));
  for (Py_ssize_t i = 0; done && i < plan->columns; i++) {
    Column *column = &plan->column[i];
    done = PyArg_ParseTuple(PyTuple_GET_ITEM(columns, i), "iii", &column->kind, &column->key,
                            &column->what);
  }
  PyObject *made = done ? PyCapsule_New(plan, PLAN, free_capsule) : NULL;
  if (!made) {
    free_plan(plan);
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no plan of a tree");
  }
  return made;
}

static PyMethodDef methods[] = {
    {"plan", make_plan, METH_VARARGS, "A plan from kinds, columns and the root's kind."},
    {"walk", (PyCFunction)(void (*)(void))walk_tree, METH_FASTCALL,
     "The columns of a tree; None for one that isn't of the plan's type."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "tree_walk", NULL, -1, methods};

PyMODINIT_FUNC PyInit_tree_walk(void) {
  import_array();
  array_name = PyUnicode_InternFromString("array");
  name_name = PyUnicode_InternFromString("name");
  requires_grad_name = PyUnicode_InternFromString("requires_grad");
  if (!array_name || !name_name || !requires_grad_name) return NULL;
  return PyModule_Create(&module);
}
