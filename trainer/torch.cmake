# LibTorch and CUDA; included from the root, so that tests see their targets too.
# CMake 3.25 knows no CUDA20, and Torch would copy the C++ standard into CUDA's.
set(CMAKE_CUDA_STANDARD 17)
set(TORCH_CUDA_ARCH_LIST "8.0;9.0+PTX" CACHE STRING "GPU architectures; PTX for later ones")
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  enable_language(CUDA)
endif()
find_package(Torch REQUIRED)
