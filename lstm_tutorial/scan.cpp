// The walks through time of scan.py, for a compiler: the same equations in the same order.
//
// Each thread takes its own sequences through all steps of a call, so that threads meet only at its
// end, and what belongs to one sequence at one step is computed while it is in the processor's cache.
// The products are torch's; the exponential is that of torch's vector class, which follows the flags
// CPU_CAPABILITY_* that the compiler is given.

#include <ATen/ATen.h>
#include <ATen/CPUFunctions.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/vec/functional.h>
#include <torch/library.h>

#include <mutex>
#include <vector>

namespace {

using at::Tensor;
using std::optional;
template <typename T> using Vec = at::vec::Vectorized<T>;

// Some rows of a matrix, moved from step to step: cheaper than a new view at every step.
class Rows {
 public:
  explicit Rows(const Tensor& matrix) : matrix_(matrix), view_(matrix.narrow(0, 0, 0)) {}

  Tensor& at(int64_t first, int64_t count) {
    view_.unsafeGetTensorImpl()->set_sizes_and_strides(
        {count, matrix_.size(1)}, matrix_.strides(),
        matrix_.storage_offset() + first * matrix_.stride(0));
    return view_;
  }

 private:
  const Tensor& matrix_;
  Tensor view_;
};

template <typename T> T* row(const Tensor& matrix, int64_t index) {
  return matrix.data_ptr<T>() + index * matrix.stride(0);
}

template <typename T> Vec<T> sigmoid(Vec<T> a) {
  return (Vec<T>(1) + a.neg().exp()).reciprocal();
}

// Call `lanes(k, count)` for each piece of 0 .. size that fits into one vector.
template <typename T, typename Function> void by_lanes(int64_t size, const Function& lanes) {
  for (int64_t k = 0; k < size; k += Vec<T>::size()) {
    lanes(k, std::min<int64_t>(Vec<T>::size(), size - k));
  }
}

// The gates and the states of one sequence at one step; a holds 4*cells preactivations.
template <typename T> void step(T* a, const T* c_before, T* c, T* m, int64_t cells) {
  T *i = a, *f = i + cells, *s = f + cells, *o = s + cells;
  const Vec<T> two(2);
  by_lanes<T>(cells, [&](int64_t k, int64_t count) {
    const auto load = [&](const T* values) { return Vec<T>::loadu(values + k, count); };
    const auto i_t = sigmoid(load(i)), f_t = sigmoid(load(f));
    const auto s_t = sigmoid(load(s)), o_t = sigmoid(load(o));
    const auto c_t = f_t * load(c_before) + i_t - two * i_t * s_t;
    const auto q = sigmoid(two.neg() * c_t);  // tanh(c) = 1 - 2q
    i_t.store(i + k, count), f_t.store(f + k, count);
    s_t.store(s + k, count), o_t.store(o + k, count);
    c_t.store(c + k, count);
    (o_t - two * o_t * q).store(m + k, count);
  });
}

// What one sequence's step adds to the two gradients that travel back, and the gradients d_a of
// its preactivations; a holds i, f, s and o, and d what flows into c.
template <typename T>
void step_back(const T* a, const T* c_before, const T* c, const T* d_m, T* d, T* d_a,
               int64_t cells) {
  const T *i = a, *f = i + cells, *s = f + cells, *o = s + cells;
  T *d_i = d_a, *d_f = d_i + cells, *d_g = d_f + cells, *d_o = d_g + cells;
  const Vec<T> one(1), two(2), four(4);
  by_lanes<T>(cells, [&](int64_t k, int64_t count) {
    const auto load = [&](const T* values) { return Vec<T>::loadu(values + k, count); };
    const auto i_t = load(i), f_t = load(f), s_t = load(s), o_t = load(o), d_m_t = load(d_m);
    const auto tanh_c = one - two * sigmoid(two.neg() * load(c));
    const auto d_t = load(d) + d_m_t * o_t * (one - tanh_c * tanh_c);
    (d_t * (one - two * s_t) * i_t * (one - i_t)).store(d_i + k, count);
    (d_t * load(c_before) * f_t * (one - f_t)).store(d_f + k, count);
    (d_t * i_t * four * s_t * (one - s_t)).store(d_g + k, count);
    (d_m_t * tanh_c * o_t * (one - o_t)).store(d_o + k, count);
    (d_t * f_t).store(d + k, count);
  });
}

template <typename T>
void walk_some(int64_t first, int64_t end, const Tensor& gates, at::IntArrayRef sizes,
               const Tensor& h, const Tensor& c, const Tensor& m, const Tensor& recurrent,
               const optional<Tensor>& weight_hr) {
  const int64_t cells = c.size(1), found = h.size(0) - gates.size(0);
  const int64_t m_offset = weight_hr ? 0 : found;  // m is h where nothing is projected
  const auto to_h = weight_hr ? weight_hr->t() : Tensor();
  Rows a(gates), h_before(h), h_after(h), m_after(m);
  int64_t before = first, now = first;  // rows of this thread's first sequence
  for (const int64_t size : sizes) {
    const int64_t count = std::min(end, size) - first;
    if (count <= 0) break;
    at::cpu::addmm_(a.at(now, count), h_before.at(before, count), recurrent);
    for (int64_t r = 0; r < count; r++) {
      step<T>(row<T>(gates, now + r), row<T>(c, before + r), row<T>(c, found + now + r),
              row<T>(m, m_offset + now + r), cells);
    }
    if (weight_hr) {
      at::cpu::addmm_(h_after.at(found + now, count), m_after.at(now, count), to_h, 0);
    }
    before = found + now;
    now += size;
  }
}

template <typename T>
void walk_back_some(int64_t first, int64_t end, const Tensor& gates, at::IntArrayRef sizes,
                    const Tensor& c, const Tensor& d_h, const Tensor& d_c, const Tensor& d_a,
                    const Tensor& weight_hh, const optional<Tensor>& weight_hr) {
  const int64_t cells = c.size(1), found = c.size(0) - gates.size(0);
  Rows d_a_now(d_a), d_h_now(d_h), d_h_before(d_h);
  Tensor d_m = weight_hr ? at::empty({end - first, cells}, c.options()) : d_h;
  int64_t now = gates.size(0) + first;
  for (int64_t t = sizes.size() - 1; t >= 0; t--) {
    now -= sizes[t];
    const int64_t before = t > 0 ? found + now - sizes[t - 1] : first;
    const int64_t count = std::min(end, sizes[t]) - first;
    if (count <= 0) continue;
    if (weight_hr) {
      auto projected = d_m.narrow(0, 0, count);
      at::cpu::addmm_(projected, d_h_now.at(found + now, count), *weight_hr, 0);
    }
    for (int64_t r = 0; r < count; r++) {
      step_back<T>(row<T>(gates, now + r), row<T>(c, before + r), row<T>(c, found + now + r),
                   row<T>(d_m, weight_hr ? r : found + now + r), row<T>(d_c, first + r),
                   row<T>(d_a, now + r), cells);
    }
    at::cpu::addmm_(d_h_before.at(before, count), d_a_now.at(now, count), weight_hh);
  }
}

// Share out the first step's sequences.
template <typename Function> void share(int64_t sequences, const Function& some) {
  const int64_t threads = at::get_num_threads();
  at::parallel_for(0, sequences, (sequences + threads - 1) / threads, some);
}

// Where each thread's share of the first step's sequences begins.
std::vector<int64_t> shares(int64_t sequences) {
  std::mutex one_at_a_time;
  std::vector<int64_t> begins;
  share(sequences, [&](int64_t first, int64_t) {
    const std::lock_guard<std::mutex> guard(one_at_a_time);
    begins.push_back(first);
  });
  return begins;
}

void walk(Tensor gates, at::IntArrayRef sizes, Tensor h, Tensor c, optional<Tensor> m,
          const Tensor& recurrent, const optional<Tensor>& weight_hr) {
  AT_DISPATCH_FLOATING_TYPES(gates.scalar_type(), "walk", [&] {
    share(sizes[0], [&](int64_t first, int64_t end) {
      walk_some<scalar_t>(first, end, gates, sizes, h, c, m.value_or(h), recurrent, weight_hr);
    });
  });
}

Tensor walk_back(const Tensor& gates, at::IntArrayRef sizes, const Tensor& c, Tensor d_h,
                 Tensor d_c, const Tensor& weight_hh, const optional<Tensor>& weight_hr) {
  auto d_a = at::empty_like(gates);
  AT_DISPATCH_FLOATING_TYPES(gates.scalar_type(), "walk_back", [&] {
    share(sizes[0], [&](int64_t first, int64_t end) {
      walk_back_some<scalar_t>(first, end, gates, sizes, c, d_h, d_c, d_a, weight_hh, weight_hr);
    });
  });
  return d_a;
}

}  // namespace

TORCH_LIBRARY(lstm_tutorial, library) {
  library.def("shares(int sequences) -> int[]", &shares);
  library.def(
      "walk(Tensor(a!) gates, int[] sizes, Tensor(b!) h, Tensor(c!) c, Tensor(d!)? m, "
      "Tensor recurrent, Tensor? weight_hr) -> ()");
  library.def(
      "walk_back(Tensor gates, int[] sizes, Tensor c, Tensor(a!) d_h, Tensor(b!) d_c, "
      "Tensor weight_hh, Tensor? weight_hr) -> Tensor");
}

TORCH_LIBRARY_IMPL(lstm_tutorial, CPU, library) {
  library.impl("walk", &walk);
  library.impl("walk_back", &walk_back);
}
