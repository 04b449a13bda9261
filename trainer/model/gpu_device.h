#pragma once

#include <cstdint>
#include <string>

namespace crosslaw::trainer {

// What the trainer asks of the CUDA runtime; a build without CUDA has a twin that says so.

int64_t visible_gpus();
std::string gpu_uuid();  // of GPU 0, as nvidia-smi writes it: GPU-xxxxxxxx-...
std::string gpu_name();
double gpu_free_bytes();
void release_unused_gpu_memory();  // what the caching allocator holds and nobody uses
void* gpu_stream();                // the current cudaStream_t
void prefer_cudnn_attention();

}  // namespace crosslaw::trainer
