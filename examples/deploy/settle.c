/* Runs settle.so (see settle.py) by TVM's C runtime, without Python:

     cc settle.c -I TVM/include -I TVM/dlpack/include -L TVM -ltvm_runtime -Wl,-rpath,TVM -o settle
     ./settle settle.so 1 2 3

   where TVM is the folder of the Python package tvm, or TVM's own build. */

#include <dlpack/dlpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <tvm/runtime/c_runtime_api.h>

static void require(int failed) {
  if (failed) {
    fprintf(stderr, "%s\n", TVMGetLastError());
    exit(1);
  }
}

/* Calls a module's function; what it gives is in `result`. */
static void call(TVMModuleHandle module, const char* name, TVMValue* values, int* codes, int count,
                 TVMValue* result) {
  TVMFunctionHandle function = NULL;
  TVMValue ignored;
  int code;
  require(TVMModGetFunction(module, name, 0, &function));
  if (function == NULL) {
    fprintf(stderr, "no function %s\n", name);
    exit(1);
  }
  require(TVMFuncCall(function, values, codes, count, result ? result : &ignored, &code));
  require(TVMFuncFree(function));
}

/* A virtual machine for a program on the CPU. It's made once, and runs as often as one likes. */
static TVMModuleHandle load(const char* path) {
  TVMModuleHandle library;
  TVMValue machine;
  /* Device 0, its memory pooled (2). */
  TVMValue where[3] = {{.v_int64 = kDLCPU}, {.v_int64 = 0}, {.v_int64 = 2}};
  int ints[3] = {kTVMArgInt, kTVMArgInt, kTVMArgInt};
  require(TVMModLoadFromFile(path, "so", &library));
  call(library, "vm_load_executable", NULL, NULL, 0, &machine);
  call(machine.v_handle, "init", where, ints, 3, NULL);
  return machine.v_handle;
}

/* Output number i, as long as it isn't freed by TVMArrayFree. */
static DLTensor* output(TVMModuleHandle machine, int i) {
  TVMValue number = {.v_int64 = i}, result;
  int code = kTVMArgInt;
  call(machine, "get_output", &number, &code, 1, &result);
  return result.v_handle;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s settle.so X Y Z\n", argv[0]);
    return 2;
  }
  TVMModuleHandle machine = load(argv[1]);

  float x[3] = {atof(argv[2]), atof(argv[3]), atof(argv[4])};
  int64_t shape[2] = {1, 3};
  TVMArrayHandle input;
  require(TVMArrayAlloc(shape, 2, kDLFloat, 32, 1, kDLCPU, 0, &input));
  require(TVMArrayCopyFromBytes(input, x, sizeof x));

  TVMValue arguments[2] = {{.v_str = "main"}, {.v_handle = input}};
  int codes[2] = {kTVMStr, kTVMNDArrayHandle};
  call(machine, "set_input", arguments, codes, 2, NULL);
  call(machine, "invoke_stateful", arguments, codes, 1, NULL);

  DLTensor* h = output(machine, 0);
  DLTensor* n = output(machine, 1);
  const float* values = h->data;
  printf("%.6f %.6f %.6f after %lld turns\n", values[0], values[1], values[2],
         (long long)*(int64_t*)n->data);
  TVMArrayFree((TVMArrayHandle)h);
  TVMArrayFree((TVMArrayHandle)n);
  TVMArrayFree(input);
  TVMModFree(machine);
  return 0;
}
