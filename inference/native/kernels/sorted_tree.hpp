// A long window in order: a tree with the number of values below each branch.
#pragma once
#include <algorithm>
#include <array>
#include <functional>

#include "kernels/kernel.hpp"
#include "kernels/ring.hpp"

namespace ratchet {

/// A window in order, as a B-tree (Bayer and McCreight 1972) whose branches know how many values lie before their ends:
/// a value enters, leaves, and is found by value or by rank in O(log window). Nodes that are full are split, and those
/// that are a quarter full joined with a neighbour, on the way down.
class SortedTree {
  public:
    explicit SortedTree(std::size_t size) : window_(size), root_(make(0)) {}

    bool full() const { return window_.full(); }
    void push(double x) {
        x += 0.0;  // no two equal values differ in their bits, so that none of them is another one
        const bool full = window_.full();
        const double old = window_.push(x);
        if (full) erase(old);
        insert(x);
    }
    /// The value with `rank` values before it.
    RATCHET_CLONES double operator[](std::size_t rank) const {
        const Node* node = &nodes_[root_];
        auto left = static_cast<std::int32_t>(rank);
        for (std::size_t level = height_; level > 0; --level) {
            const Branch& branch = branches_[node->branch];
            const std::size_t at = branch.holding(left);
            left -= at ? branch.through[at - 1] : 0;
            node = &nodes_[branch.child[at]];
        }
        return node->key[static_cast<std::size_t>(left)];
    }
    /// How many values come before x: are less, or less or equal.
    template <class Before>
    std::size_t count(double x) const {
        const Node* node = &nodes_[root_];
        std::size_t sum = 0;
        for (std::size_t level = height_; level > 0; --level) {
            const std::size_t before = node->before<Before>(x);
            if (before == 0) return sum;  // the least value is not before x
            const Branch& branch = branches_[node->branch];
            sum += before > 1 ? static_cast<std::size_t>(branch.through[before - 2]) : 0;
            node = &nodes_[branch.child[before - 1]];
        }
        return sum + node->before<Before>(x);
    }
    template <class A>
    void state(A& archive) {
        archive(window_);
        if constexpr (std::is_same_v<A, Reader>) rebuild();  // its order follows from its values
    }

  private:
    static constexpr std::size_t MOST = 64, LEAST = MOST / 4, HIGHEST = 16;
    static constexpr double NOTHING = std::numeric_limits<double>::max();  // fills up the end
    static constexpr std::int32_t ALL = INT32_MAX;                         // likewise

    struct Node {
        std::array<double, MOST> key;  // a leaf's values; else the least value of each child
        std::uint32_t size = 0, branch = 0;

        Node() { key.fill(NOTHING); }
        template <class Before>
        std::size_t before(double x) const {
            constexpr std::size_t STEP = 16;
            std::size_t steps = 0, rest = 0;  // all are compared: none waits for another, and none must be foretold
            for (std::size_t i = STEP - 1; i < MOST - 1; i += STEP) steps += Before{}(key[i], x);
            for (std::size_t i = 0; i < STEP; ++i) rest += Before{}(key[steps * STEP + i], x);
            return steps * STEP + rest;
        }
    };
    struct Branch {
        std::array<std::uint32_t, MOST> child;
        std::array<std::int32_t, MOST> through;  // values up to the end of each child

        std::size_t holding(std::int32_t rank) const {
            std::int32_t at = 0;
            for (std::size_t i = 0; i < MOST; ++i) at += through[i] <= rank;
            return static_cast<std::size_t>(at);
        }
    };

    /// The entries of one node or two, apart.
    struct Dealt {
        std::array<double, 2 * MOST> key;
        std::array<std::uint32_t, 2 * MOST> child;
        std::array<std::int32_t, 2 * MOST> weight;
        std::size_t size = 0;
    };

    RATCHET_CLONES void insert(double x) {
        if (nodes_[root_].size == MOST) raise();
        std::uint32_t id = root_;
        for (std::size_t level = height_; level > 0; --level) {
            std::size_t at = towards(id, x);
            if (nodes_[child(id, at)].size == MOST) {
                split(id, at, level - 1);
                at += x >= nodes_[id].key[at + 1];
            }
            Node& node = nodes_[id];
            Branch& branch = branches_[node.branch];
            node.key[at] = std::min(node.key[at], x);
            for (std::size_t i = at; i < node.size; ++i) ++branch.through[i];
            id = branch.child[at];
        }
        Node& leaf = nodes_[id];
        double* place = leaf.key.data() + leaf.before<std::less_equal<>>(x);
        std::move_backward(place, leaf.key.data() + leaf.size, leaf.key.data() + leaf.size + 1);
        *place = x;
        ++leaf.size;
    }
    RATCHET_CLONES void erase(double x) {
        std::array<std::pair<std::uint32_t, std::size_t>, HIGHEST> path;
        std::uint32_t id = root_;
        for (std::size_t level = height_; level > 0; --level) {
            std::size_t at = towards(id, x);
            if (nodes_[child(id, at)].size <= LEAST) {
                thicken(id, at, level - 1);
                at = towards(id, x);
            }
            Branch& branch = branches_[nodes_[id].branch];
            for (std::size_t i = at; i < nodes_[id].size; ++i) --branch.through[i];
            path[level] = {id, at};
            id = branch.child[at];
        }
        Node& leaf = nodes_[id];
        double* place = leaf.key.data() + leaf.before<std::less<>>(x);
        std::move(place + 1, leaf.key.data() + leaf.size, place);
        leaf.key[--leaf.size] = NOTHING;
        double least = leaf.key[0];
        for (std::size_t level = 1; place == leaf.key.data() && level <= height_; ++level) {
            const auto [above, at] = path[level];
            nodes_[above].key[at] = least;
            if (at > 0) break;
        }
        while (height_ > 0 && nodes_[root_].size == 1) {
            const std::uint32_t only = child(root_, 0);
            release(root_, height_--);
            root_ = only;
        }
    }
    /// In which child a value belongs: the last one that does not begin after it.
    std::size_t towards(std::uint32_t id, double x) const {
        return std::max<std::size_t>(nodes_[id].before<std::less_equal<>>(x), 1) - 1;
    }
    std::uint32_t child(std::uint32_t id, std::size_t at) const { return branches_[nodes_[id].branch].child[at]; }
    std::int32_t weight(std::uint32_t id, std::size_t level) const {
        const Node& node = nodes_[id];
        return level ? branches_[node.branch].through[node.size - 1] : static_cast<std::int32_t>(node.size);
    }
    /// A root of one child above the present one.
    void raise() {
        Dealt dealt;
        dealt.key[0] = nodes_[root_].key[0], dealt.child[0] = root_, dealt.weight[0] = weight(root_, height_);
        root_ = make(++height_);
        deal(root_, height_, dealt, 0, 1);
    }
    void split(std::uint32_t id, std::size_t at, std::size_t level) {
        const std::uint32_t left = child(id, at), right = make(level);
        Dealt dealt;
        gather(left, level, dealt);
        deal(left, level, dealt, 0, MOST / 2);
        deal(right, level, dealt, MOST / 2, MOST);
        Node& node = nodes_[id];
        Branch& branch = branches_[node.branch];
        std::move_backward(node.key.data() + at, node.key.data() + node.size, node.key.data() + node.size + 1);
        std::move_backward(branch.child.data() + at, branch.child.data() + node.size,
                           branch.child.data() + node.size + 1);
        std::move_backward(branch.through.data() + at, branch.through.data() + node.size,
                           branch.through.data() + node.size + 1);
        ++node.size;
        node.key[at + 1] = nodes_[right].key[0];
        branch.child[at + 1] = right;
        branch.through[at] -= weight(right, level);
    }
    /// Makes a thin child one with a neighbour, or as thick as it.
    void thicken(std::uint32_t id, std::size_t at, std::size_t level) {
        Node& node = nodes_[id];
        if (node.size == 1) return;  // a root that has just lost the others
        Branch& branch = branches_[node.branch];
        const std::size_t first = at + 1 < node.size ? at : at - 1;
        const std::uint32_t left = branch.child[first], right = branch.child[first + 1];
        Dealt dealt;
        gather(left, level, dealt);
        gather(right, level, dealt);
        if (dealt.size > MOST) {
            deal(left, level, dealt, 0, dealt.size / 2);
            deal(right, level, dealt, dealt.size / 2, dealt.size);
            node.key[first + 1] = nodes_[right].key[0];
            branch.through[first] = branch.through[first + 1] - weight(right, level);
            return;
        }
        deal(left, level, dealt, 0, dealt.size);
        release(right, level);
        const std::size_t next = first + 2;
        std::move(node.key.data() + next, node.key.data() + node.size, node.key.data() + next - 1);
        std::move(branch.child.data() + next, branch.child.data() + node.size, branch.child.data() + next - 1);
        std::move(branch.through.data() + next - 1, branch.through.data() + node.size, branch.through.data() + first);
        node.key[--node.size] = NOTHING;
        branch.through[node.size] = ALL;
    }
    void gather(std::uint32_t id, std::size_t level, Dealt& dealt) const {
        const Node& node = nodes_[id];
        for (std::size_t i = 0; i < node.size; ++i, ++dealt.size) {
            dealt.key[dealt.size] = node.key[i];
            if (level == 0) continue;
            const Branch& branch = branches_[node.branch];
            dealt.child[dealt.size] = branch.child[i];
            dealt.weight[dealt.size] = branch.through[i] - (i ? branch.through[i - 1] : 0);
        }
    }
    void deal(std::uint32_t id, std::size_t level, const Dealt& dealt, std::size_t from, std::size_t to) {
        Node& node = nodes_[id];
        node.key.fill(NOTHING);
        std::copy(dealt.key.data() + from, dealt.key.data() + to, node.key.data());
        node.size = static_cast<std::uint32_t>(to - from);
        if (level == 0) return;
        Branch& branch = branches_[node.branch];
        branch.through.fill(ALL);
        std::int32_t sum = 0;
        for (std::size_t i = from; i < to; ++i) {
            branch.child[i - from] = dealt.child[i];
            branch.through[i - from] = sum += dealt.weight[i];
        }
    }
    std::uint32_t make(std::size_t level) {
        std::uint32_t id = 0;
        if (free_.empty()) {
            id = static_cast<std::uint32_t>(nodes_.size());
            nodes_.emplace_back();
        } else {
            id = free_.back();
            free_.pop_back();
        }
        if (level == 0) return id;
        if (free_branches_.empty()) {
            nodes_[id].branch = static_cast<std::uint32_t>(branches_.size());
            branches_.emplace_back();
        } else {
            nodes_[id].branch = free_branches_.back();
            free_branches_.pop_back();
        }
        return id;
    }
    void release(std::uint32_t id, std::size_t level) {
        free_.push_back(id);
        if (level) free_branches_.push_back(nodes_[id].branch);
    }
    void rebuild() {
        nodes_.clear(), branches_.clear(), free_.clear(), free_branches_.clear();
        height_ = 0;
        root_ = make(0);
        for (std::size_t i = 0; i < window_.filled; ++i) insert(window_.items[i] + 0.0);
    }

    Ring window_;
    std::vector<Node> nodes_;
    std::vector<Branch> branches_;
    std::vector<std::uint32_t> free_, free_branches_;  // what may be used again
    std::size_t height_ = 0;                           // of the root over the leaves
    std::uint32_t root_ = 0;
};

}  // namespace ratchet
