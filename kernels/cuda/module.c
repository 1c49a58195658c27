/* module.c - what the CUDA module answers when it is opened: is there a device, and which. */
#include "config.h"

#include <cuda_runtime_api.h>
#include <stdio.h>

int spn_cuda_devices(char *text, size_t room);

/* Devices that can be used; their names in TEXT, or why there is none. */
int spn_cuda_devices(char *text, size_t room)
{
    struct cudaDeviceProp prop;
    int n = 0;
    cudaError_t st = cudaGetDeviceCount(&n);

    if (st != cudaSuccess) {
        snprintf(text, room, "%s", cudaGetErrorString(st));
        return 0;
    }
    if (n > 0 && cudaGetDeviceProperties(&prop, 0) == cudaSuccess)
        snprintf(text, room, "%s, compute capability %d.%d", prop.name, prop.major, prop.minor);
    return n;
}
