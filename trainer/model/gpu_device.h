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
// cuDNN's attention where there is one; the bits of its gradients differ from time to time.
void prefer_cudnn_attention();
// Flash attention, whose gradients LibTorch can sum in a fixed order. On an H200 it takes 1.5
// to 1.8 times as long as cuDNN's, at 125M and context 2048 an eighth of a step. Before the first
// use of the GPU.
void prefer_deterministic_attention();

}  // namespace crosslaw::trainer
