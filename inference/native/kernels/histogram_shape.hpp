// What the shape of volume in equal bins tells: the fullest bin, the value area around it, and the nearest nodes.
#pragma once
#include <array>
#include <bit>

#include "clones.hpp"
#include "kernels/histogram.hpp"
#include "kernels/kernel.hpp"
#include "kernels/marks.hpp"

namespace ratchet {

/// Places of the nearest nodes on either side of a bin.
struct Nodes {
    double high_below, high_above, low_below, low_above;
};

/// Of the bins the fullest, those of the value area (`low` to `high`) and the traded ones (`first` to `last`).
struct Shape {
    std::size_t fullest, low, high, first, last;
    Nodes nodes;
};

/// How a histogram is looked at.
struct Look {
    static constexpr std::size_t MARGIN = 2 * FOUR;  // what is read before and after the bins, beside `reach`

    std::size_t count, reach;  // bins, and with how many of them on either side a node is compared
    double share;              // of all volume, held by the value area

    /// The shapes of what several histograms hold, or one at several times. `here`: the bins whose nearest nodes are
    /// told.
    template <std::size_t COUNT>
    std::array<Shape, COUNT> shapes(const std::array<Volumes, COUNT>& volumes,
                                    const std::array<std::size_t, COUNT>& here) const {
        const bool few = count <= WORD && reach < WORD;
        std::array<Shape, COUNT> found;
        for (std::size_t k = 0; k < COUNT; ++k)
            found[k] =
                few ? few_shape(volumes[k], count, reach, here[k]) : many_shape(volumes[k], count, reach, here[k]);
        grow(volumes, found);
        return found;
    }

  private:
    using Few = Marks<1, WORD - 1>;
    using Many = Marks<1024 / WORD, 256>;

    RATCHET_CLONES static Shape few_shape(const Volumes& volumes, std::size_t count, std::size_t reach,
                                          std::size_t here) {
        return shape<Few>(volumes, count, reach, here);
    }
    RATCHET_CLONES static Shape many_shape(const Volumes& volumes, std::size_t count, std::size_t reach,
                                           std::size_t here) {
        return shape<Many>(volumes, count, reach, here);
    }
    /// All but the value area.
    template <class Marked>
    RATCHET_INLINE static Shape shape(const Volumes& volumes, std::size_t count, std::size_t reach, std::size_t here) {
        const double* bins = volumes.bins;
        const double most = volumes.most, rounding = 1e-9 * most;  // counts as none beside it
        Shape found{};
        Marked fullest, traded;
        mark(0, count, fullest, traded, [&](std::size_t i) {
            const Four volume = load(bins + i);
            return std::pair{volume == most, volume > rounding};
        });
        const auto end = static_cast<std::ptrdiff_t>(count) - 1;
        const std::ptrdiff_t first = traded.first(0, end), last = traded.last(end + 1, end);
        found.fullest = static_cast<std::size_t>(fullest.first(0, end));
        found.first = static_cast<std::size_t>(first);
        found.last = static_cast<std::size_t>(last);
        found.nodes = nodes<Marked>(bins, reach, rounding, first, last, static_cast<std::ptrdiff_t>(here));
        return found;
    }
    /// Of equal bins side by side the lowest is the node. Beyond the traded bins lies no volume: a low node needs
    /// traded bins on either side.
    template <class Marked>
    RATCHET_INLINE static Nodes nodes(const double* bins, std::size_t reach, double rounding, std::ptrdiff_t first,
                                      std::ptrdiff_t last, std::ptrdiff_t here) {
        Marked high, low, rise, fall;
        for (std::size_t w = 0; w < Marked::size(); ++w) {
            high[w] = below(last + 1, w) & ~below(first, w);
            low[w] = below(last, w) & ~below(first + 1, w);
        }
        const std::size_t begin = static_cast<std::size_t>(first) / FOUR * FOUR, end = static_cast<std::size_t>(last);
        for (std::size_t d = 1; d <= reach; ++d) {
            mark(begin, end, rise, fall, [&](std::size_t i) {  // from the bin to the one d bins on
                const Four more = load(bins + i + d) - load(bins + i);
                return std::pair{more > rounding, more < -rounding};
            });
            for (std::size_t w = 0; w < Marked::size(); ++w) {  // to the first traded bin both, from the last neither
                const std::uint64_t untraded = below(first, w);
                const std::uint64_t compared = below(last + 1 - static_cast<std::ptrdiff_t>(d), w);
                rise[w] = (rise[w] | untraded) & compared;
                fall[w] = (fall[w] | untraded) & compared;
            }
            for (std::size_t w = 0; w < Marked::size(); ++w) {
                high[w] &= rise.moved(d, w) & ~rise[w];
                low[w] &= fall.moved(d, w) & ~fall[w];
            }
        }
        const double bottom = static_cast<double>(first), top = static_cast<double>(last + 1);
        auto middle = [](std::ptrdiff_t place, double otherwise) {
            return place < 0 ? otherwise : static_cast<double>(place) + 0.5;
        };
        return {middle(high.last(here, -1), bottom), middle(high.first(here + 1, -1), top),
                middle(low.last(here, -1), bottom), middle(low.first(here + 1, -1), top)};
    }
    /// The value areas, each from the fullest bin by the fuller neighbour. Every step waits for the one before, hence
    /// all grow side by side. Numbers not below 0 are in order as integers, which are compared sooner.
    template <std::size_t COUNT>
    void grow(const std::array<Volumes, COUNT>& volumes, std::array<Shape, COUNT>& found) const {
        struct Area {
            const double *low, *high;
            std::int64_t below, above;  // the neighbours
            double held, wanted;
        };
        auto volume = [](const double* bin) { return std::bit_cast<std::int64_t>(*bin); };
        std::array<Area, COUNT> areas;
        for (std::size_t k = 0; k < COUNT; ++k) {
            const double* bin = volumes[k].bins + found[k].fullest;
            const double wanted = share * (1.0 - 1e-12) * volumes[k].sum;  // reached in spite of rounding
            areas[k] = {bin, bin, volume(bin - 1), volume(bin + 1), volumes[k].most, finite(wanted) ? wanted : 0.0};
        }
        for (bool any = true; any;) {
            any = false;
            for (Area& area : areas) {
                const bool up = area.above >= area.below;
                const std::int64_t more = up ? area.above : area.below;
                const bool grows = area.held < area.wanted;
                area.held += std::bit_cast<double>(grows ? more : 0);
                area.high += up & grows;
                area.low -= !up & grows;
                area.above = volume(area.high + 1);
                area.below = volume(area.low - 1);
                any |= grows;
            }
        }
        for (std::size_t k = 0; k < COUNT; ++k) {
            found[k].low = static_cast<std::size_t>(areas[k].low - volumes[k].bins);
            found[k].high = static_cast<std::size_t>(areas[k].high - volumes[k].bins);
        }
    }
};

}  // namespace ratchet
